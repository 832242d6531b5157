import type { Command } from './command.ts';
import { notBuilt } from './parts.ts';

export const statusCommand: Command = {
  name: 'status',
  describe: 'Show phase, progress, lag and milestones of a stream and its load.',
  examples: [
    ['$0 status --bucket /data/waybill --target env:TARGET --watch', 'redrawn every two seconds'],
    ['$0 status --bucket /data/waybill --json', 'for scripts'],
  ],
  stopsCleanly: false,
  run: async () => notBuilt('status'),
};
