import { GC_DEFAULTS } from '@waybill/audit/gc/settings';
import { ASSESS_DEFAULTS } from '@waybill/load/assess/settings';
import { CUTOVER_DEFAULTS } from '@waybill/load/settings/cutover-settings';
import { UNTIL } from '../spec/commands.ts';
import type { OptionSpec } from '../spec/option.ts';

const STOP_AT = 'Stop with success at this milestone instead of following changes.';

/** Options of one command or a few. */
export const COMMAND_OPTIONS = {
  until: {
    type: 'enum',
    group: 'Command options',
    commands: ['capture', 'load', 'run'],
    choices: ['snapshot-completed', 'snapshot-applied', 'caught-up', 'drained'],
    describe: `${STOP_AT} capture: ${UNTIL.capture.join(', ')}. load: ${UNTIL.load.join(', ')}. run: ${UNTIL.run.join(', ')}.`,
    inCommand: {
      capture: { describe: STOP_AT, choices: UNTIL.capture },
      load: { describe: STOP_AT, choices: UNTIL.load },
      run: { describe: STOP_AT, choices: UNTIL.run },
    },
    example: 'caught-up',
  },
  yes: {
    type: 'boolean',
    group: 'Command options',
    commands: ['capture', 'load', 'run', 'cutover', 'dead-letters', 'demo'],
    describe:
      'Answer yes to every question. cutover asks whether the application has stopped writing, and whether to accept differences of structure. dead-letters discard asks whether to give the letters up. Other commands have no questions.',
  },
  wait: {
    type: 'duration',
    group: 'Command options',
    commands: ['cutover'],
    min: 5000,
    default: CUTOVER_DEFAULTS.wait,
    describe:
      'Give up when capture or load has shown no sign of life for this long. While they make progress, the cutover waits as long as it takes.',
  },
  accept: {
    type: 'list',
    group: 'Command options',
    commands: ['verify', 'cutover'],
    describe:
      'Accept these differences of structure. blocked:<name>: the target refuses it. extra:<name>: only the target has it. A name is a namespace, a namespace with an index or option, or a kind (view, option, index, collection). Without this option a cutover stops at such a difference, or asks if it runs in a terminal. Can be repeated.',
    example: 'blocked:shop.nearby,extra:shop.orders.mine',
  },
  pause: {
    type: 'boolean',
    group: 'Command options',
    commands: ['control'],
    describe: 'Let the load write nothing until it is resumed, also if it is started again meanwhile.',
  },
  resume: {
    type: 'boolean',
    group: 'Command options',
    commands: ['control'],
    describe: 'Let a paused load go on.',
  },
  ns: {
    type: 'list',
    group: 'Command options',
    commands: ['dead-letters'],
    describe:
      'Only letters of these collections of the target: shop, shop.orders, shop.*, where * stands for any text.',
    example: 'shop.orders',
  },
  rule: {
    type: 'list',
    group: 'Command options',
    commands: ['dead-letters'],
    describe: 'Only letters that this rule refused, as the list names it.',
    example: 'server-121',
  },
  letter: {
    type: 'list',
    group: 'Command options',
    commands: ['dead-letters'],
    describe: 'Only the letters of these numbers.',
    example: '17,18',
  },
  reason: {
    type: 'string',
    group: 'Command options',
    commands: ['dead-letters'],
    describe: 'Why letters are discarded. The log of the load keeps it.',
    example: 'test data',
  },
  'accept-dead-letters': {
    type: 'boolean',
    group: 'Command options',
    commands: ['cutover'],
    describe:
      'Cut over although dead letters are open. The target stays without these states, and nothing can be retried afterwards. The log of the load records how many there were.',
  },
  watch: {
    type: 'boolean',
    group: 'Command options',
    commands: ['status'],
    describe: 'Show the status again every two seconds until stopped.',
  },
  report: {
    type: 'string',
    group: 'Command options',
    commands: ['verify', 'cutover'],
    describe: 'Write all differences, field by field, to this file as JSON.',
    example: 'differences.json',
  },
  sample: {
    type: 'integer',
    group: 'Command options',
    commands: ['assess'],
    min: 0,
    default: ASSESS_DEFAULTS.sample,
    describe:
      'With --source: look at this many documents of each collection, picked at random. 0: all. A stream is always read whole.',
    example: '100000',
  },
  markdown: {
    type: 'boolean',
    group: 'Command options',
    commands: ['assess'],
    describe: 'Print the report as Markdown.',
  },
  deep: {
    type: 'boolean',
    group: 'Command options',
    commands: ['fsck'],
    describe: 'Read every segment too: check its hash and decode every record. Reads the whole stream once.',
  },
  delete: {
    type: 'boolean',
    group: 'Command options',
    commands: ['gc'],
    describe: 'Delete what is listed. Without this option nothing is deleted.',
  },
  'min-age': {
    type: 'duration',
    group: 'Command options',
    commands: ['gc'],
    default: GC_DEFAULTS.minAge,
    describe:
      'Keep segments that no commit names while they are younger than this, by the clock of the bucket. Whatever a capture without fencing may still commit is kept for an hour in any case.',
  },
  keep: {
    type: 'boolean',
    group: 'Command options',
    commands: ['demo'],
    describe: 'Keep servers and files after the demo, until Ctrl-C.',
  },
} as const satisfies Readonly<Record<string, OptionSpec>>;
