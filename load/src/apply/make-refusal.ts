/** Makes refusals of writes, with the places of their records. */
import type { Violation } from '../checks/violation.ts';
import type { StatementKind } from '../target/target.ts';
import type { Batch, Write } from './batch.ts';
import { type Refusal, serverRule } from './refusal.ts';
import type { Refused } from './sender.ts';

type Of = Pick<Batch, 'scope' | 'origin'>;

export function checkRefusal(
  kind: StatementKind,
  of: Of,
  write: Write,
  { rule, path, reason: why }: Omit<Violation, 'rule'> & { readonly rule: string },
): Refusal {
  const reason = path === '' ? why : `${why}, at ${path}`;
  const found = { by: 'check', rule, code: undefined, reason, attempts: 0, indexName: undefined } as const;
  return { ...ofWrite(kind, of, write), ...found };
}

export function targetRefusal(
  kind: StatementKind,
  of: Of,
  write: Write,
  { failure, attempts }: Pick<Refused, 'attempts' | 'failure'>,
): Refusal {
  const { code, message: reason, indexName } = failure;
  const found = { by: 'target', rule: serverRule(code), code, reason, attempts, indexName } as const;
  return { ...ofWrite(kind, of, write), ...found };
}

function ofWrite(kind: StatementKind, { scope: { namespace, source }, origin }: Of, write: Write) {
  const { id, document } = write;
  return { kind, namespace, source, id, document, places: origin.placesOf(write, source) };
}
