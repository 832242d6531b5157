/**
 * Looks again at documents that differed. While the source is written to, a difference may only be a change on its way: one that
 * ends equal has settled; one is proven when both sides stood still for a while and still differ; one whose source never stands still
 * is reported without an age when the time is up.
 */
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { array, buildArray, buildDocument, doc } from '@waybill/shared/bson/build';
import { diffDocuments } from '@waybill/shared/bson/diff';
import { toCanonicalExtendedJson } from '@waybill/shared/bson/ejson';
import type { RawElement } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';
import { throwIfAborted } from '@waybill/shared/lifecycle';
import type { MongoConnection } from '@waybill/shared/mongo/connection';
import { openCursor } from '@waybill/shared/mongo/cursor';
import { rawDocument } from '@waybill/shared/mongo/raw-value';
import { splitNamespace } from '@waybill/shared/record';
import { DEFAULT_RETRY, retry } from '@waybill/shared/retry';
import type { Pair } from './compare-range.ts';
import { keyOf, type Suspect } from './matcher.ts';
import type { DocumentDifference } from './report.ts';

export interface RecheckOptions {
  /** Both sides unchanged for this long and different: proven. Milliseconds. */
  readonly settleMs: number;
  /** When to stop looking again. Milliseconds. */
  readonly limitMs: number;
  /** Fields named per document. */
  readonly fieldLimit: number;
  readonly signal: AbortSignal;
}

export interface Rechecked {
  readonly settled: number;
  readonly differences: readonly DocumentDifference[];
}

const IDS_AT_ONCE = 500;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 2000;

interface Watched {
  readonly id: RawElement;
  hashes: string;
  since: number;
}

export async function recheck(
  pair: Pair,
  namespace: string,
  suspects: readonly Suspect[],
  options: RecheckOptions,
): Promise<Rechecked> {
  const { signal, settleMs, limitMs } = options;
  const started = performance.now();
  let open = new Map(suspects.map(({ id }) => [keyOf(id), { id, hashes: '', since: started } as Watched]));
  const total = open.size;
  const differences: DocumentDifference[] = [];
  for (let delay = FIRST_DELAY_MS; open.size > 0; delay = Math.min(delay * 2, LONGEST_DELAY_MS)) {
    throwIfAborted(signal);
    const still = new Map<string, Watched>();
    for (const part of parts([...open.values()], IDS_AT_ONCE)) {
      const [sources, targets] = await bothSides(pair, namespace, part, signal);
      const now = performance.now();
      for (const watched of part) {
        const key = keyOf(watched.id);
        const [source, target] = [sources.get(key), targets.get(key)];
        if (source === undefined ? target === undefined : target !== undefined && source.equals(target))
          continue;
        const hashes = `${hash(source)} ${hash(target)}`;
        if (hashes !== watched.hashes) Object.assign(watched, { hashes, since: now });
        const age = now - watched.since;
        const timeIsUp = now - started >= limitMs;
        if (age < settleMs && !timeIsUp) still.set(key, watched);
        else {
          const ageMs = age >= settleMs ? Math.round(age) : null;
          differences.push(difference(namespace, watched.id, source, target, ageMs, options.fieldLimit));
        }
      }
    }
    open = still;
    if (open.size > 0) await wait(Math.min(delay, settleMs), undefined, { signal }).catch(() => undefined);
  }
  return { settled: total - differences.length, differences };
}

function difference(
  namespace: string,
  id: RawElement,
  source: Buffer | undefined,
  target: Buffer | undefined,
  ageMs: number | null,
  fieldLimit: number,
): DocumentDifference {
  const kind = !target ? 'missing' : !source ? 'extra' : 'different';
  const fields = source && target ? diffDocuments(source, target, fieldLimit) : [];
  return { namespace, id: toCanonicalExtendedJson(buildDocument([['_id', id]])), kind, ageMs, fields };
}

async function bothSides(
  pair: Pair,
  namespace: string,
  part: readonly Watched[],
  signal: AbortSignal,
): Promise<[Map<string, Buffer>, Map<string, Buffer>]> {
  return Promise.all([
    readByIds(pair.source, namespace, part, signal),
    readByIds(pair.target, namespace, part, signal),
  ]);
}

/** By the bytes of `_id`: an equal id of other bytes is another document. */
async function readByIds(
  connection: MongoConnection,
  namespace: string,
  part: readonly Watched[],
  signal: AbortSignal,
): Promise<Map<string, Buffer>> {
  const { database, collection } = splitNamespace(namespace);
  const ids = buildDocument([['$in', array(buildArray(part.map(({ id }) => id)))]]);
  const filter = buildDocument([['_id', doc(ids)]]);
  return retry(
    async () => {
      const isStandalone = connection.server.topology === 'standalone';
      const readConcern = isStandalone ? undefined : { level: 'majority' };
      const command = { find: collection, filter: rawDocument(filter), readConcern };
      await using cursor = await openCursor(connection, database, command, { signal });
      const found = new Map<string, Buffer>();
      for (let batch = await cursor.next(); batch; batch = await cursor.next()) {
        for (const document of batch.documents) found.set(keyOf(documentId(document)), document);
      }
      return found;
    },
    DEFAULT_RETRY,
    { signal },
  );
}

function hash(document: Buffer | undefined): string {
  return document ? createHash('sha256').update(document).digest('base64') : '-';
}

function* parts<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < list.length; from += size) yield list.slice(from, from + size);
}
