import { CAPTURE_DEFAULTS } from '@waybill/capture/start/settings';
import { MOST_LANES } from '@waybill/shared/manifest/limits';
import { CAPTURING, FILTERING } from '../spec/commands.ts';
import type { OptionSpec } from '../spec/option.ts';

const GROUP = 'Stream (fixed when it is created)';
const START_EMPTY = 'Start even though a pattern matches nothing yet, and record that.';
const COMPARE_NOTHING = 'Succeed even though there is nothing to compare.';

/** What a stream consists of. */
export const STREAM_OPTIONS = {
  include: {
    type: 'list',
    group: GROUP,
    commands: [...FILTERING, 'assess'],
    describe:
      'Namespaces to take: shop, shop.orders, shop.*, where * stands for any text. Separate them by commas, or repeat the option. Default: all. For load: which namespaces of the stream; fixed when the load first starts.',
    example: 'shop.orders,crm.*',
  },
  exclude: {
    type: 'list',
    group: GROUP,
    commands: [...FILTERING, 'assess'],
    describe:
      'Namespaces to leave out, in the same forms. Wins over --include. A later start of capture may exclude more.',
    example: 'shop.sessions',
  },
  'allow-empty': {
    type: 'boolean',
    group: GROUP,
    commands: [...FILTERING, 'verify', 'cutover'],
    describe:
      'capture, run, load: start even though a pattern matches nothing yet, and record that. verify, cutover: succeed even though there is nothing to compare.',
    inCommand: {
      capture: { describe: START_EMPTY },
      load: { describe: START_EMPTY },
      run: { describe: START_EMPTY },
      verify: { describe: COMPARE_NOTHING },
      cutover: { describe: COMPARE_NOTHING },
    },
  },
  format: {
    type: 'enum',
    group: GROUP,
    commands: CAPTURING,
    choices: ['avro', 'jsonl'],
    default: CAPTURE_DEFAULTS.format,
    describe: 'Format of the segments: Avro object containers or JSON Lines.',
  },
  codec: {
    type: 'enum',
    group: GROUP,
    commands: CAPTURING,
    choices: ['zstandard', 'deflate', 'gzip', 'null'],
    default: CAPTURE_DEFAULTS.codec,
    describe: 'Compression of the segments. deflate goes with Avro only, gzip with JSON Lines only.',
  },
  lanes: {
    type: 'integer',
    group: GROUP,
    commands: CAPTURING,
    min: 1,
    max: MOST_LANES,
    default: CAPTURE_DEFAULTS.lanes,
    describe:
      'Number of lanes for changes. A load applies at most this many lanes at once. All changes of one document stay in one lane, in order.',
  },
  images: {
    type: 'enum',
    group: GROUP,
    commands: CAPTURING,
    choices: ['lookup', 'post', 'none'],
    default: CAPTURE_DEFAULTS.images,
    describe:
      'Where the full document of an update comes from. lookup: read in batches after the event. post: the post-image that the server stores, or a lookup if it stores none. none: left out; such a stream cannot be loaded.',
  },
} as const satisfies Readonly<Record<string, OptionSpec>>;
