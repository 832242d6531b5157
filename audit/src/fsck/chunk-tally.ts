import type { Commit } from '@waybill/shared/manifest/commit';

/**
 * Whether the progress that a log tells of each chunk is what the segments of that chunk hold.
 * Pure.
 */
export class ChunkTally {
  readonly #records = new Map<string, number>();

  /** What does not fit in the next commit. */
  take({ segments = [], chunks = [] }: Commit): string[] {
    const faults: string[] = [];
    const touched = new Set<string>();
    for (const { kind, namespace = '', chunk = 0, records } of segments) {
      if (kind !== 'snapshot') continue;
      const name = nameOf(namespace, chunk);
      touched.add(name);
      this.#records.set(name, (this.#records.get(name) ?? 0) + records);
    }
    for (const { namespace, chunk, records } of chunks) {
      const name = nameOf(namespace, chunk);
      touched.delete(name);
      const held = this.#records.get(name) ?? 0;
      if (held === records) continue;
      faults.push(`chunk ${name} has ${records} records by its progress, and its segments hold ${held}`);
    }
    for (const name of touched)
      faults.push(`it has a segment of chunk ${name}, and no progress of that chunk`);
    return faults;
  }
}

const nameOf = (namespace: string, chunk: number): string => `${chunk} of ${namespace}`;
