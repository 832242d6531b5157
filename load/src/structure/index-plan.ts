/** Plans how a collection's indexes come to stand on the target in their held-back form. Pure. */
import { indexName, indexSignature, isInherent, type TranslatedIndex, translateIndex } from './index-spec.ts';
import type { IndexRecord } from './registry.ts';

export interface IndexPlan {
  /** Names of standing indexes that are in the way of wanted ones, which differ. */
  readonly drop: readonly string[];
  readonly create: readonly TranslatedIndex[];
  /** The records, with the states that need nothing of the target. */
  readonly records: readonly IndexRecord[];
}

/**
 * Plans for the records that wait. If two wanted indexes differ only in what is held back, the
 * first stands there, and the other is deferred to cutover, where its uniqueness tells them apart.
 */
export function planIndexes(
  wanted: readonly IndexRecord[],
  existing: readonly Buffer[],
  options: { readonly collated: boolean },
): IndexPlan {
  const standing = new Map(
    existing.filter((spec) => !isInherent(spec)).map((spec) => [indexName(spec), indexSignature(spec)]),
  );
  const drop: string[] = [];
  const create: TranslatedIndex[] = [];
  const records = wanted.map((record): IndexRecord => {
    if (record.state !== 'waiting' && record.state !== 'deferred') return record;
    const translated = translateIndex(record.spec, options);
    if (translated.heldBack === null) return { ...record, state: 'skipped', note: translated.note ?? null };
    const signature = indexSignature(translated.heldBack);
    const there = standing.get(record.name);
    if (there === signature) return { ...record, state: 'built', note: translated.note ?? null };
    const rival = [...standing].find(([name, other]) => other === signature && name !== record.name);
    if (rival) {
      return { ...record, state: 'deferred', note: `until cutover, because of index ${rival[0]}` };
    }
    if (there !== undefined) drop.push(record.name);
    standing.set(record.name, signature);
    create.push(translated);
    return { ...record, state: 'waiting', note: translated.note ?? null };
  });
  return { drop, create, records };
}
