/**
 * An image of the stream may be later than its event, and so meet an index that the stream drops
 * before the source came to that image. Any index can refuse one from the future: parallel arrays,
 * a bad point, an unknown language, a key too long. What refused is set aside, that is taken from
 * the target until the cutover, which builds it on the documents as they are in the end. Only what
 * is refused there is refused for good.
 */
import { attempt, type HoldBackContext } from './context.ts';
import { standsAmong } from './index-spec.ts';
import { type IndexRefusal, mayRefuse } from './refusing.ts';
import type { IndexRecord, IndexState } from './registry.ts';

/**
 * now: the document may be taken. before: so it may, another lane met the same index. none:
 * it was no index of ours.
 */
export type SetAside = 'now' | 'before' | 'none';

/** What stands there under its name is not the load's. */
const NOT_OURS: ReadonlySet<IndexState> = new Set(['skipped', 'left-out']);

/**
 * The record says so first: a crash after that leaves an index that stands and is set
 * aside at its next refusal.
 */
export async function setAside(
  context: HoldBackContext,
  namespace: string,
  refusal: IndexRefusal,
): Promise<SetAside> {
  const { target, registry, ownership, stats, logger, recordHeldBack } = context;
  const record = registry.get(namespace);
  const suspects = (record?.indexes ?? []).filter(
    ({ spec, state }) => !NOT_OURS.has(state) && mayRefuse(spec, refusal),
  );
  if (!record || suspects.length === 0) return 'none';
  const standing = await attempt(context, () => target.indexes(namespace));
  const found = suspects.filter((index) => standsAmong(standing, index));
  if (found.length === 0) return 'before';
  for (const { name } of found) await recordHeldBack({ namespace, index: name });
  const note = `set aside until the cutover: it refused a document (code ${refusal.code})`;
  const indexes = record.indexes.map(
    (index): IndexRecord => (found.includes(index) ? { ...index, state: 'set-aside', note } : index),
  );
  await attempt(context, () => registry.save({ ...record, indexes }));
  stats.indexesBuilt -= found.filter(({ state }) => state === 'built').length;
  for (const { name } of found) {
    await attempt(context, () => target.dropIndex(namespace, name, ownership.tag));
    logger.warn('an index is set aside until the cutover: it refused a document', {
      namespace,
      index: name,
      serverCode: refusal.code,
    });
  }
  return 'now';
}
