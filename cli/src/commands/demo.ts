import type { Command } from './command.ts';

export const demoCommand: Command = {
  name: 'demo',
  describe: 'Show everything at work, with servers and data of its own.',
  examples: [['$0 demo --keep', 'leave servers and files for a look around']],
  stopsCleanly: false,
  run: async (context) => (await import('../demo/demo.ts')).runDemo(context),
};
