import { failureOf } from '@waybill/shared/mongo/driver/classify';
import { isServerCode } from '@waybill/shared/mongo/driver/server-codes';
import type { Abilities } from '../rules/abilities.ts';

/** Fields of a write command that it can do without, and the abilities that they stand for. */
const OPTIONAL = {
  comment: 'takesComments',
  maxTimeMS: 'takesTimeLimits',
  bypassDocumentValidation: 'bypassesValidation',
} as const satisfies Readonly<Record<string, keyof Abilities>>;

/**
 * The ability that a target turns out to lack: its words name the field. Without a name nothing is
 * guessed.
 */
export function lackingAbility(error: unknown): keyof Abilities | null {
  const failure = failureOf(error);
  const saysUnknown = isServerCode(
    failure?.code,
    'IDLUnknownField',
    'FailedToParse',
    'InvalidOptions',
    'CommandNotSupported',
    'NotImplemented',
    'FeatureNotSupported',
  );
  if (!failure || !saysUnknown) return null;
  for (const [field, ability] of Object.entries(OPTIONAL)) {
    if (new RegExp(`\\b${field}\\b`).test(failure.message)) return ability;
  }
  return null;
}
