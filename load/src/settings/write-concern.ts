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
