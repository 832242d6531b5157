import type { Command } from './command.ts';
import { notBuilt } from './parts.ts';

export const cutoverCommand: Command = {
  name: 'cutover',
  describe: 'End the migration: wait until all is applied, finish indexes, verify, record it.',
  examples: [
    [
      '$0 cutover --source env:SOURCE --bucket /data/waybill --target env:TARGET --yes',
      'writes to the source have stopped',
    ],
  ],
  stopsCleanly: false,
  run: async () => notBuilt('cutover'),
};
