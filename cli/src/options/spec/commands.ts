/** The commands, and the sets of them that share options. */

export const COMMANDS = [
  'capture',
  'load',
  'run',
  'assess',
  'list',
  'status',
  'verify',
  'control',
  'cutover',
  'dead-letters',
  'fsck',
  'gc',
  'demo',
] as const;
export type CommandName = (typeof COMMANDS)[number];

/** They need a stream, and so a bucket. */
const ON_STREAM = [
  'capture',
  'load',
  'run',
  'status',
  'verify',
  'control',
  'cutover',
  'dead-letters',
  'fsck',
  'gc',
] as const;
export const NEEDING_BUCKET = [...ON_STREAM, 'list'] as const;
export const WITH_STREAM = [...ON_STREAM, 'assess'] as const;
export const WITH_BUCKET = [...WITH_STREAM, 'list'] as const;
export const WITH_TARGET = ['load', 'run', 'status', 'verify', 'cutover', 'dead-letters'] as const;
export const CAPTURING = ['capture', 'run'] as const;
export const FILTERING = ['capture', 'load', 'run'] as const;
export const LOADING = ['load', 'run'] as const;
export const WRITING = ['capture', 'load', 'run', 'control', 'cutover', 'dead-letters'] as const;

/** The milestones that a command reaches by itself. */
export const UNTIL = {
  capture: ['snapshot-completed', 'caught-up'],
  load: ['snapshot-applied', 'caught-up', 'drained'],
  run: ['snapshot-applied', 'caught-up'],
} as const;

/** Not one of ours: yargs prints the script. */
export const COMPLETION = 'completion';
