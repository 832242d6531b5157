import { GC_DEFAULTS } from '@waybill/audit/gc/settings';
import { CUTOVER_DEFAULTS } from '@waybill/load/settings/cutover-settings';
import type { OptionSpec } from '../spec/option.ts';

/** What one command or two have to themselves. */
export const COMMAND_OPTIONS = {
  until: {
    type: 'enum',
    group: 'Command',
    commands: ['capture', 'load', 'run'],
    choices: ['snapshot-completed', 'snapshot-applied', 'caught-up', 'drained'],
    describe:
      'Stop with success at this milestone instead of following changes. capture: snapshot-completed, caught-up. load: snapshot-applied, caught-up, drained. run: snapshot-applied, caught-up.',
    example: 'caught-up',
  },
  yes: {
    type: 'boolean',
    group: 'Command',
    commands: ['capture', 'load', 'run', 'cutover', 'demo'],
    describe: 'Answer every question with yes. cutover asks whether the application has stopped writing.',
  },
  wait: {
    type: 'duration',
    group: 'Command',
    commands: ['cutover'],
    min: 5000,
    default: CUTOVER_DEFAULTS.wait,
    describe:
      'Give up when capture or load show no sign of life for this long. However long the rest takes, a cutover waits while they go on.',
  },
  accept: {
    type: 'list',
    group: 'Command',
    commands: ['verify', 'cutover'],
    describe:
      'Take these differences of structure as they are: blocked:<name> what the target refuses, extra:<name> what only the target has. A name is a namespace, a namespace with an index or option, or a kind (view, option, index, collection). Without it a cutover stops at them, or asks if it runs in a terminal. May be given more than once.',
    example: 'blocked:shop.nearby,extra:shop.orders.mine',
  },
  watch: {
    type: 'boolean',
    group: 'Command',
    commands: ['status'],
    describe: 'Show it again every two seconds until stopped.',
  },
  report: {
    type: 'string',
    group: 'Command',
    commands: ['verify', 'cutover'],
    describe: 'Write the field-level report into this file, as JSON.',
    example: 'differences.json',
  },
  deep: {
    type: 'boolean',
    group: 'Command',
    commands: ['fsck'],
    describe: 'Read every segment too: check its hash and decode every record. Reads the whole stream once.',
  },
  delete: {
    type: 'boolean',
    group: 'Command',
    commands: ['gc'],
    describe: 'Delete what is listed. Without it nothing is deleted.',
  },
  'min-age': {
    type: 'duration',
    group: 'Command',
    commands: ['gc'],
    default: GC_DEFAULTS.minAge,
    describe:
      "Keep segments that no commit names while they are younger than this, by the bucket's own clock. What a capture that is not fenced may yet commit stays for an hour in any case.",
  },
  keep: {
    type: 'boolean',
    group: 'Command',
    commands: ['demo'],
    describe: 'Leave servers and files where they are when the demo ends, until Ctrl-C.',
  },
} as const satisfies Readonly<Record<string, OptionSpec>>;
