import { createHash, type Hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { LaneRun } from '../../manifest/commit.ts';
import { IN_FLIGHT_BYTES } from '../limits.ts';
import type { SealedBlock } from './block-cutter.ts';

/** Small blocks weigh little, but each holds a buffer of full size. */
const IN_FLIGHT_BLOCKS = 16;

interface OpenRun {
  readonly lane: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly hash: Hash;
  offset: number;
  length: number;
  records: number;
}

export interface AssembledFile {
  readonly chunks: Buffer[];
  readonly runs: LaneRun[];
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Puts blocks into file order while they are compressed. It hashes them, and notes the place of
 * each lane's bytes.
 */
export class FileAssembly {
  readonly #chunks: Buffer[] = [];
  readonly #runs: OpenRun[] = [];
  readonly #hash = createHash('sha256');
  readonly #inFlight: Promise<void>[] = [];
  #weight = 0;
  #bytes = 0;
  /** Settles when every block pushed so far stands in the file. */
  #assembled: Promise<void> = Promise.resolve();

  constructor(header: Buffer | null) {
    if (header !== null) this.#append(header);
  }

  startRun(lane: number, firstSequence: number, lastSequence: number): void {
    const hash = createHash('sha256');
    this.#runs.push({ lane, firstSequence, lastSequence, hash, offset: -1, length: 0, records: 0 });
  }

  /** Adds the next block of the run started last. */
  push(block: SealedBlock): void {
    const run = this.#runs.at(-1)!;
    const before = this.#assembled;
    this.#weight += block.weight;
    this.#assembled = Promise.all([block.framed, before]).then(([bytes]) => {
      this.#weight -= block.weight;
      if (run.offset < 0) run.offset = this.#bytes;
      run.length += bytes.length;
      run.records += block.records;
      run.hash.update(bytes);
      this.#append(bytes);
    });
    // The next one to wait sees the failure. Until then it must not count as unhandled.
    this.#assembled.catch(() => undefined);
    this.#inFlight.push(this.#assembled);
  }

  /** Waits until `bytes` more raw bytes may be compressed. Lets the event loop turn once. */
  async room(bytes: number): Promise<void> {
    await setImmediate();
    while (
      this.#inFlight.length >= IN_FLIGHT_BLOCKS ||
      (this.#weight > 0 && this.#weight + bytes > IN_FLIGHT_BYTES)
    ) {
      await this.#inFlight.shift();
    }
  }

  async finish(): Promise<AssembledFile> {
    await this.#assembled;
    return {
      chunks: this.#chunks,
      runs: this.#runs.map(({ hash, ...run }) => ({ ...run, sha256: hash.digest('hex') })),
      bytes: this.#bytes,
      sha256: this.#hash.digest('hex'),
    };
  }

  #append(bytes: Buffer): void {
    this.#chunks.push(bytes);
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
  }
}
