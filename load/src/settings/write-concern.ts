import { WaybillError } from '@waybill/shared/base/errors';

/** How many members acknowledge a batch: `majority`, a number, or a rule of the replica set. */
export type WriteConcern = number | string;

/** @throws CONFIG_INVALID */
export function parseWriteConcern(text: string): WriteConcern {
  if (/^\d+$/.test(text)) {
    const members = Number(text);
    if (members >= 1 && members <= 50) return members;
  } else if (/^[A-Za-z][A-Za-z0-9._-]{0,99}$/.test(text)) return text;
  throw new WaybillError('CONFIG_INVALID', `--write-concern cannot be ${JSON.stringify(text)}`, {
    hint: 'Give majority, a number of members from 1 to 50, or the name of a rule of the replica set (getLastErrorModes).',
  });
}

/** What batches risk that less than a majority may acknowledge; null where it does. */
export function riskOf(concern: WriteConcern): string | null {
  if (concern === 'majority') return null;
  return 'an election may lose batches; on a replica set the load then ends, and writes them again at its next start; elsewhere only verify finds the loss';
}
