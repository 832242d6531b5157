/** The files of dead letters that the log of one load names. */
import { hasCode } from '@waybill/shared/base/errors';
import type { Bucket, ObjectInfo } from '@waybill/shared/bucket/bucket';
import { patientList } from '@waybill/shared/bucket/patient-list';
import type { Commit } from '@waybill/shared/manifest/commit';
import type { DeadLetterFile } from '@waybill/shared/manifest/dead-letter-file';
import { deadLettersKey, deadLettersPrefix } from '@waybill/shared/manifest/keys';
import { type LogOptions, retried } from '@waybill/shared/manifest/options';
import { sha256 } from '@waybill/shared/manifest/sealed-json';
import type { Findings } from './findings.ts';
import { lookAgain } from './look-again.ts';

export interface LettersOptions extends LogOptions {
  readonly bucket: Bucket;
  /** The load's. */
  readonly prefix: string;
  readonly deep: boolean;
  readonly findings: Findings;
}

export class LetterChecks {
  readonly #options: LettersOptions;
  readonly #named = new Set<string>();

  constructor(options: LettersOptions) {
    this.#options = options;
  }

  async take({ deadLetters: entry, seq }: Commit): Promise<void> {
    if (!entry) return;
    const { bucket, prefix, deep, findings, signal } = this.#options;
    const key = deadLettersKey(prefix, entry.key);
    this.#named.add(key);
    const info = await lookAgain(() => retried((call) => bucket.head(key, call), this.#options), signal);
    if (!info) findings.add('dead-letters-missing', key, `commit ${seq} names it`);
    else if (info.bytes !== entry.bytes) {
      findings.add('dead-letters-altered', key, `it has ${info.bytes} bytes, and not ${entry.bytes}`);
    } else if (deep && !((await this.#isWhole(key, entry)) || (await this.#isWhole(key, entry)))) {
      findings.add('dead-letters-altered', key, 'its SHA-256 is another one');
    }
  }

  /** False also where it came damaged: look once more. */
  async #isWhole(key: string, entry: DeadLetterFile): Promise<boolean> {
    const { bucket, signal } = this.#options;
    const bytes = await lookAgain(async () => {
      try {
        return await retried((call) => bucket.get(key, call), this.#options);
      } catch (error) {
        if (hasCode(error, 'BUCKET_OBJECT_MISSING')) return null;
        throw error;
      }
    }, signal);
    if (!bytes || sha256(bytes) !== entry.sha256) return false;
    return sha256(bytes.subarray(0, entry.indexBytes)) === entry.indexSha256;
  }

  /** What comes after the head that was walked to. */
  notOrphans({ deadLetters: entry }: Commit): void {
    if (entry) this.#named.add(deadLettersKey(this.#options.prefix, entry.key));
  }

  /** Call it before {@link notOrphans}: a file that is listed may be named a moment later. */
  list(): Promise<ObjectInfo[]> {
    const { bucket, prefix, signal } = this.#options;
    return Array.fromAsync(patientList(bucket, deadLettersPrefix(prefix), { signal }));
  }

  isNamed(key: string): boolean {
    return this.#named.has(key);
  }
}
