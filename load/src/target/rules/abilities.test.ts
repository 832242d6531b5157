import { expect, it } from 'vitest';
import { GENERIC } from '../profiles/generic.ts';
import { MONGODB } from '../profiles/mongodb.ts';
import { knownAbilities } from './abilities.ts';

const version = (major: number, minor: number) => ({ versionArray: [major, minor, 0] });

it('knows abilities by version, and takes none for granted that is to be probed', () => {
  const at = (major: number, minor: number) => {
    const { convertsToUnique, hidesIndexes, renamesCollections } = knownAbilities(
      MONGODB.abilities,
      version(major, minor),
    );
    return [convertsToUnique, hidesIndexes, renamesCollections];
  };
  expect(at(6, 0)).toEqual([true, true, true]);
  expect(at(4, 4)).toEqual([false, true, true]);
  expect(at(4, 2)).toEqual([false, false, true]);
  const generic = knownAbilities(GENERIC.abilities, version(8, 0));
  expect(generic.modifiesCollections).toBe(false);
  expect(generic.keepsEmptyCollections).toBe(true);
});
