/**
 * An image of the stream may be later than its event. So it may meet an index that the source
 * dropped before it came to that image. Any index can refuse such an image: parallel arrays, a bad
 * point, an unknown language, a key too long. The load sets an index that refused aside: it drops
 * it on the target, and the cutover builds it on the final documents. Only a refusal there is
 * final.
 */
import { attempt, type HoldBackContext } from './context.ts';
import { standsAmong } from './index-spec.ts';
import { type IndexRefusal, mayRefuse } from './refusing.ts';
import type { IndexRecord, IndexState } from './registry.ts';

/**
 * now: the document may be written. before: the same, since another lane met the index first. none:
 * no index of ours refused.
 */
export type SetAside = 'now' | 'before' | 'none';

/** An index of that name on the target is not the load's. */
const NOT_OURS: ReadonlySet<IndexState> = new Set(['skipped', 'left-out']);

/**
 * Saves the record before the drop: a crash in between leaves an index that its next refusal sets
 * aside.
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
