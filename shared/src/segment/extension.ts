import type { SegmentEntry } from '../manifest/commit.ts';

export type SegmentFormat = SegmentEntry['format'];
export type SegmentCodec = SegmentEntry['codec'];

/**
 * What a segment's key ends in, without the dot. Avro names its codec inside the file, lines do
 * not.
 */
export function segmentExtension(format: SegmentFormat, codec: SegmentCodec): string {
  if (format === 'avro') return 'avro';
  if (codec === 'zstandard') return 'jsonl.zst';
  if (codec === 'gzip') return 'jsonl.gz';
  return 'jsonl';
}

const CODECS: Readonly<Record<SegmentFormat, readonly SegmentCodec[]>> = {
  avro: ['zstandard', 'deflate', 'null'],
  jsonl: ['zstandard', 'gzip', 'null'],
};

/**
 * Whether the format can be written with that codec: `deflate` is Avro's word, `gzip` that of line
 * files.
 */
export function codecFits(format: SegmentFormat, codec: SegmentCodec): boolean {
  return CODECS[format].includes(codec);
}
