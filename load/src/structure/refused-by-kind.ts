/** Indexes that a kind of target never takes: they are not even tried. Pure. */
import type { TargetProfile } from '../target/profiles/profile.ts';
import { indexRefusal } from '../target/rules/indexes.ts';
import type { TranslatedIndex } from './index-spec.ts';
import { isCollated } from './options.ts';
import type { CollectionRecord } from './registry.ts';

type Kind = Pick<TargetProfile, 'title' | 'indexes'>;

/**
 * Why the target has no such index, by its name. `standing` is how many the collection has, the one
 * on `_id` included.
 */
export function refusedByKind(
  { title, indexes: rules }: Kind,
  wanted: readonly TranslatedIndex[],
  standing: number,
): ReadonlyMap<string, string> {
  const refused = new Map<string, string>();
  let taken = standing;
  for (const { name, heldBack } of wanted) {
    const refusal = heldBack && indexRefusal(rules, heldBack);
    if (refusal !== null) refused.set(name, `${title} has no such indexes: ${refusal}`);
    else if (rules.perCollection !== null && taken >= rules.perCollection) {
      refused.set(name, `${title} has at most ${rules.perCollection} indexes in a collection`);
    } else taken++;
  }
  return refused;
}

/** Indexes without a collation of their own would inherit one there. */
export function isCollatedThere({ options }: Pick<CollectionRecord, 'options'>, { indexes }: Kind): boolean {
  return isCollated(options) && !indexes.refusedFields.includes('collation');
}
