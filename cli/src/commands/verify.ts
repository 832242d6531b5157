import type { Command } from './command.ts';
import { notBuilt } from './parts.ts';

export const verifyCommand: Command = {
  name: 'verify',
  describe: 'Compare source and target, document for document.',
  examples: [
    [
      '$0 verify --source env:SOURCE --bucket /data/waybill --target env:TARGET --report differences.json',
      'exit code 3 where they differ',
    ],
  ],
  stopsCleanly: false,
  run: async () => notBuilt('verify'),
};
