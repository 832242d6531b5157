import { CAPTURE_DEFAULTS } from '@waybill/capture/start/settings';
import { MOST_LANES } from '@waybill/shared/manifest/limits';
import { CAPTURING, FILTERING } from '../spec/commands.ts';
import type { OptionSpec } from '../spec/option.ts';

const GROUP = 'Stream (fixed when it is created)';

/** What a stream is made of: fixed when it is created. */
export const STREAM_OPTIONS = {
  include: {
    type: 'list',
    group: GROUP,
    commands: FILTERING,
    describe:
      'Namespaces to take: shop, shop.orders, shop.*, with * for any text. Repeat it or divide by commas. Default: all. For load: of those in the stream; fixed when the load is first started.',
    example: 'shop.orders,crm.*',
  },
  exclude: {
    type: 'list',
    group: GROUP,
    commands: FILTERING,
    describe:
      'Namespaces to leave out, in the same forms; wins over --include. May grow at a later start of capture.',
    example: 'shop.sessions',
  },
  'allow-empty': {
    type: 'boolean',
    group: GROUP,
    commands: [...FILTERING, 'verify', 'cutover'],
    describe:
      'capture, run, load: begin although a pattern names nothing yet, and record that. verify, cutover: succeed although there is nothing to compare.',
  },
  format: {
    type: 'enum',
    group: GROUP,
    commands: CAPTURING,
    choices: ['avro', 'jsonl'],
    default: CAPTURE_DEFAULTS.format,
    describe: 'Format of the segments: Avro object containers, or JSON Lines.',
  },
  codec: {
    type: 'enum',
    group: GROUP,
    commands: CAPTURING,
    choices: ['zstandard', 'deflate', 'gzip', 'null'],
    default: CAPTURE_DEFAULTS.codec,
    describe: 'Compression of the segments. deflate: Avro only; gzip: JSON Lines only.',
  },
  lanes: {
    type: 'integer',
    group: GROUP,
    commands: CAPTURING,
    min: 1,
    max: MOST_LANES,
    default: CAPTURE_DEFAULTS.lanes,
    describe:
      'Lanes of the changes: how much of a load can ever work on changes side by side. All changes of one document stay in one lane, in order.',
  },
  images: {
    type: 'enum',
    group: GROUP,
    commands: CAPTURING,
    choices: ['lookup', 'post', 'none'],
    default: CAPTURE_DEFAULTS.images,
    describe:
      'Where the whole document beside an update comes from. lookup: read in batches after the event. post: the post-image that the server stores, and a lookup where it stores none. none: left out, and then the stream cannot be loaded.',
  },
} as const satisfies Readonly<Record<string, OptionSpec>>;
