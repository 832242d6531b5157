import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusterTime } from '../base/position.ts';
import { keyFault } from '../bucket/key.ts';
import {
  assertName,
  checkpointKey,
  commitKey,
  epochInKey,
  identityKey,
  loadPrefix,
  namespacePart,
  newChangeSegmentKey,
  newSnapshotSegmentKey,
  numberInKey,
  segmentKey,
} from './keys.ts';

test('the names of the bucket format', () => {
  expect(identityKey('default')).toBe('default/stream.json');
  expect(commitKey('default', 17)).toBe('default/manifest/00000000000000000017.json');
  expect(commitKey(loadPrefix('s', 'l'), 1)).toBe('s/loads/l/manifest/00000000000000000001.json');
  expect(checkpointKey('default', 100)).toBe('default/checkpoints/00000000000000000100.json');
  const snapshot = { namespace: 'shop.orders', chunk: 12, part: 3, epoch: 4, extension: 'avro' };
  expect(newSnapshotSegmentKey(snapshot)).toMatch(
    /^segments\/snapshot\/shop\.orders\/000012-0003-4-[0-9a-f]{12}\.avro$/,
  );
  expect(newSnapshotSegmentKey(snapshot)).not.toBe(newSnapshotSegmentKey(snapshot));
  const time = clusterTime(Date.UTC(2026, 10, 21, 3, 59, 59) / 1000, 1);
  const changes = { clusterTime: time, firstSequence: 901, epoch: 4, extension: 'jsonl.zst' };
  expect(newChangeSegmentKey(changes)).toMatch(
    /^segments\/changes\/2026\/11\/21\/03\/00000000000000000901-4-[0-9a-f]{12}\.jsonl\.zst$/,
  );
});

test('only numbered files are commits', () => {
  expect(numberInKey(commitKey('a', 5))).toBe(5);
  for (const key of [
    'a/manifest/5.json',
    'a/manifest/.DS_Store',
    'a/manifest/00000000000000000000.json',
    'x',
  ]) {
    expect(numberInKey(key)).toBeUndefined();
  }
  expect(() => commitKey('a', 0)).toThrow();
});

describe('names of streams and loads', () => {
  test.each(['default', 'a', 'Shop_1.2-x', 'x'.repeat(64)])('%s is one', (name) => {
    expect(() => assertName('stream', name)).not.toThrow();
  });
  test.each(['', '.', '..', '.tmp', 'a/b', 'a b', 'é', 'x'.repeat(65), 'a\n'])('%j is none', (name) => {
    expect(() => assertName('load', name)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});

test('any namespace becomes one part of a key, and no two the same', () => {
  expect(namespacePart('shop.orders')).toBe('shop.orders');
  expect(namespacePart('shop.a/b%é')).toBe('shop.a%2Fb%25%C3%A9');
  const namespace = fc.string({ unit: 'binary', minLength: 1, maxLength: 120 });
  fc.assert(
    fc.property(namespace, namespace, (a, b) => {
      const [first, second] = [namespacePart(a), namespacePart(b)];
      expect(keyFault(first)).toBeUndefined();
      expect(first).toMatch(/^[A-Za-z0-9%_-][A-Za-z0-9%._~-]*$/);
      expect(Buffer.byteLength(first)).toBeLessThanOrEqual(200);
      if (a !== b && a.isWellFormed() && b.isWellFormed()) expect(first).not.toBe(second);
    }),
  );
});

test('the epoch of a segment’s writer stands in its key, and in no other name', () => {
  const snapshot = { namespace: 'shop.orders-1', chunk: 1_234_567, part: 3, epoch: 4, extension: 'avro' };
  const changes = {
    clusterTime: clusterTime(1_790_000_000, 1),
    firstSequence: 9,
    epoch: 17,
    extension: 'jsonl.zst',
  };
  expect(epochInKey(segmentKey('s', newSnapshotSegmentKey(snapshot)))).toBe(4);
  expect(epochInKey(segmentKey('s', newChangeSegmentKey(changes)))).toBe(17);
  const hour = 's/segments/changes/2026/11/21/03';
  for (const name of ['notes.txt', '1-2-0123456789ab.avro', `${'0'.repeat(19)}9-x-0123456789ab.avro`]) {
    expect(epochInKey(`${hour}/${name}`), name).toBeUndefined();
  }
});
