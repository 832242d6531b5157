/**
 * Positions in a stream's source.
 *
 * A cluster time is a BSON Timestamp as one unsigned 64-bit number, with the seconds in the high
 * half and the increment in the low half, so that `<` orders it. It is never a JavaScript number:
 * 2^53 is not enough. Manifests, reports and logs hold its text form, `<seconds>:<increment>`.
 */
export type ClusterTime = bigint;

export function clusterTime(seconds: number, increment: number): ClusterTime {
  return (BigInt(seconds >>> 0) << 32n) | BigInt(increment >>> 0);
}

export function clusterTimeSeconds(time: ClusterTime): number {
  return Number(time >> 32n);
}

export function clusterTimeIncrement(time: ClusterTime): number {
  return Number(time & 0xffff_ffffn);
}

export function formatClusterTime(time: ClusterTime): string {
  return `${clusterTimeSeconds(time)}:${clusterTimeIncrement(time)}`;
}

/** Inverse of {@link formatClusterTime}; undefined if the text does not have that form. */
export function parseClusterTime(text: string): ClusterTime | undefined {
  const match = /^(\d{1,10}):(\d{1,10})$/.exec(text);
  if (!match) return undefined;
  const seconds = Number(match[1]);
  const increment = Number(match[2]);
  if (seconds > 0xffff_ffff || increment > 0xffff_ffff) return undefined;
  return clusterTime(seconds, increment);
}

export function clusterTimeToBson(time: ClusterTime): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(time);
  return bytes;
}
