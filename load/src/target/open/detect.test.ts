import { expect, it } from 'vitest';
import { findAbility, isAble } from '../profiles/profile.ts';
import { detectProfile } from './detect.ts';

const server = (major: number, minor = 0) => ({
  version: `${major}.${minor}.0`,
  versionArray: [major, minor, 0],
  wireVersion: 7,
  topology: 'standalone' as const,
  setName: null,
  isWritable: true,
  primary: null,
  maxBsonObjectSize: 16 << 20,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
});

it("takes a server that no other profile recognises for one of MongoDB's kind", () => {
  expect(detectProfile(server(4)).name).toBe('mongodb');
  expect(detectProfile(server(0)).name).toBe('mongodb');
});

it('knows abilities by version, and asks only where the profile says so', async () => {
  const asked = async (ability: Parameters<typeof findAbility>[0], answer: boolean) => {
    let times = 0;
    const able = await findAbility(ability, server(4, 4), async () => {
      times++;
      return answer;
    });
    return [able, times];
  };
  expect(await asked('probe', true)).toEqual([true, 1]);
  expect(await asked('probe', false)).toEqual([false, 1]);
  expect(await asked([4, 4], false)).toEqual([true, 0]);
  expect(await asked([6, 0], true)).toEqual([false, 0]);
  expect(await asked(false, true)).toEqual([false, 0]);
  expect(isAble(true, server(4))).toBe(true);
});
