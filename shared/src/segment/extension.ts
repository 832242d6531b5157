import type { SegmentEntry } from '../manifest/commit.ts';

export type SegmentFormat = SegmentEntry['format'];
export type SegmentCodec = SegmentEntry['codec'];

/**
 * Returns the end of a segment's key, without the dot. An Avro file names its codec inside. A file
 * of lines does not.
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
 * True if the format can be written with that codec. Avro alone has `deflate`, and files of lines
 * alone have `gzip`.
 */
export function codecFits(format: SegmentFormat, codec: SegmentCodec): boolean {
  return CODECS[format].includes(codec);
}
