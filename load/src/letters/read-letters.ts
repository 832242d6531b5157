import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { DeadLetterFile } from '@waybill/shared/manifest/dead-letter-file';
import { deadLettersKey } from '@waybill/shared/manifest/keys';
import type { StreamState } from '@waybill/shared/manifest/state';
import { type ReadAgainOptions, readAgain } from '@waybill/shared/segment/read/read-again';
import type { IndexLine } from './letter.ts';
import { decodeIndex, decodeRecords, type LetterRecord } from './letter-file.ts';
import { OpenLetters } from './open-letters.ts';

export interface LettersSource {
  readonly bucket: Pick<Bucket, 'get'>;
  /** `<stream>/loads/<load>` */
  readonly loadPrefix: string;
  readonly signal?: AbortSignal | undefined;
  readonly onReadAgain?: ReadAgainOptions['onRetry'];
}

/** All lines of a load's files, in order. Reads no record. */
export async function* letterLines(
  source: LettersSource,
  { deadLetters }: Pick<StreamState, 'deadLetters'>,
): AsyncGenerator<IndexLine> {
  const { bucket, loadPrefix, signal } = source;
  /** Many letters have the same words. */
  const words = new Map<string, string>();
  const shared = (word: string): string => {
    if (!words.has(word)) words.set(word, word);
    return words.get(word)!;
  };
  for (const entry of deadLetters?.files ?? []) {
    const range = { offset: 0, length: entry.indexBytes };
    const key = deadLettersKey(loadPrefix, entry.key);
    const read = async () => decodeIndex(await bucket.get(key, { range, signal }), entry);
    for (const line of await readAgain(read, { signal, onRetry: source.onReadAgain })) {
      if (!('letter' in line)) {
        yield line;
        continue;
      }
      const { letter } = line;
      const { namespace, source: of, rule, reason, place } = letter;
      const same = {
        namespace: shared(namespace),
        source: shared(of),
        rule: shared(rule),
        reason: shared(reason),
      };
      yield { letter: { ...letter, ...same, place: { ...place, segment: shared(place.segment) } } };
    }
  }
}

export async function readOpenLetters(
  source: LettersSource,
  log: Pick<StreamState, 'deadLetters'>,
): Promise<OpenLetters> {
  const open = new OpenLetters();
  for await (const line of letterLines(source, log)) open.apply(line);
  return open;
}

/** The records of all letters that a file opens, by number. */
export function readRecords(
  { bucket, loadPrefix, signal, onReadAgain }: LettersSource,
  entry: DeadLetterFile,
): Promise<ReadonlyMap<number, LetterRecord>> {
  const key = deadLettersKey(loadPrefix, entry.key);
  const read = async () => decodeRecords(await bucket.get(key, { signal }), entry);
  return readAgain(read, { signal, onRetry: onReadAgain });
}

export function fileOf(
  { deadLetters }: Pick<StreamState, 'deadLetters'>,
  letter: number,
): DeadLetterFile | undefined {
  return deadLetters?.files.find(
    ({ firstLetter, letters }) => firstLetter <= letter && letter < firstLetter + letters,
  );
}
