import { sampleBody, sampleIdentity, sampleSnapshot } from '@waybill/test/support/manifest/samples';
import { describe, expect, test } from 'vitest';
import { hasCode, WaybillError } from '../base/errors.ts';
import { nextCommit } from './append.ts';
import { canonicalCommit, decodeCommit, decodeIdentity, encodeIdentity } from './codec.ts';
import { sealJson, sha256 } from './sealed-json.ts';
import { EMPTY_STATE } from './state.ts';

const next = nextCommit(EMPTY_STATE, { epoch: 1, writer: 'w', attempt: 'a' }, sampleBody);
const KEY = 'default/manifest/00000000000000000001.json';
const identity = { formatVersion: 1, features: [], createdAt: '2026-11-21T03:00:00.000Z', ...sampleIdentity };

function failure(work: () => unknown): WaybillError {
  try {
    work();
  } catch (error) {
    if (error instanceof WaybillError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

const decode = (value: object, seq = 1): unknown => decodeCommit(sealJson(value), seq, KEY);

describe('a commit', () => {
  test('comes back as it went in, with the hash and size of its bytes', () => {
    expect(decodeCommit(next.encoded, 1, KEY)).toEqual({
      commit: next.commit,
      hash: sha256(next.encoded),
      bytes: next.encoded.length,
    });
  });

  test('has the same bytes whatever the order its fields were given in', () => {
    const reversed = Object.fromEntries(
      Object.entries(next.commit).reverse(),
    ) as unknown as typeof next.commit;
    expect(sealJson(canonicalCommit(reversed))).toEqual(next.encoded);
    expect(next.encoded.toString()).toMatch(
      /^\{"formatVersion":1,"features":\[\],"seq":1,.*"checksum":"[0-9a-f]{64}"\}\n$/,
    );
  });

  test('is found damaged wherever a bit of it is flipped', () => {
    for (let at = 0; at < next.encoded.length; at++) {
      const damaged = Buffer.from(next.encoded);
      damaged[at]! ^= 1 << (at % 8);
      expect(failure(() => decodeCommit(damaged, 1, KEY)).code).toBe('MANIFEST_CORRUPT');
    }
  });

  test('is found damaged wherever it is cut, or with bytes added', () => {
    for (let length = 0; length < next.encoded.length; length++) {
      const error = failure(() => decodeCommit(next.encoded.subarray(0, length), 1, KEY));
      expect(error.code).toBe('MANIFEST_CORRUPT');
      expect(error.message).toContain('commit 1');
    }
    for (const added of ['\n', ' ', '{}']) {
      expect(
        failure(() => decodeCommit(Buffer.concat([next.encoded, Buffer.from(added)]), 1, KEY)).code,
      ).toBe('MANIFEST_CORRUPT');
    }
  });

  test.each(['', 'not JSON', '[]', '{"hello":"world"}\n', '\0'.repeat(500)])('is not %j', (text) => {
    expect(failure(() => decodeCommit(Buffer.from(text), 1, KEY))).toMatchObject({
      code: 'MANIFEST_CORRUPT',
      message: expect.stringContaining('commit 1'),
      context: { key: KEY },
    });
  });

  test('under another number is refused', () => {
    const error = failure(() => decodeCommit(next.encoded, 2, KEY));
    expect(error.code).toBe('MANIFEST_CORRUPT');
    expect(error.message).toContain('commit 1');
  });

  test('of a newer version, or with a feature or field that is not known, is newer and not damaged', () => {
    const commit = { ...next.commit };
    for (const [value, named] of [
      [{ ...commit, formatVersion: 2 }, 'format version 2'],
      [{ formatVersion: 2, features: ['x'], all: 'new' }, 'format version 2'],
      [{ ...commit, features: ['encryption'] }, '"encryption"'],
      [{ ...commit, surplus: 1 }, 'the field surplus'],
      [{ ...commit, position: { ...commit.position, surplus: 1 } }, 'the field position.surplus'],
    ] as const) {
      const error = failure(() => decode(value));
      expect(error.code).toBe('FORMAT_UNSUPPORTED');
      expect(error.message).toContain(named);
      expect(error.message).toContain('commit 1');
    }
  });

  test('with a wrong or missing field is refused by the field’s name and without its value', () => {
    const { epoch: _, ...withoutEpoch } = next.commit;
    const segment = {
      ...sampleSnapshot('shop.orders', 0, 0, 1),
      key: 'segments/snapshot/../../../etc/secret',
    };
    for (const [value, named] of [
      [withoutEpoch, 'epoch'],
      [{ ...next.commit, epoch: -1 }, 'epoch'],
      [{ ...next.commit, lastSequence: 2 ** 53 }, 'lastSequence'],
      [
        { ...next.commit, position: { ...next.commit.position, clusterTime: '4294967296:1' } },
        'position.clusterTime',
      ],
      [{ ...next.commit, segments: [segment] }, 'segments.0.key'],
    ] as const) {
      const error = failure(() => decode(value));
      expect(error.code).toBe('MANIFEST_CORRUPT');
      expect(error.message).toContain(named);
      expect(error.message).not.toContain('secret');
    }
  });

  test('that no reader would take is not written', () => {
    expect(failure(() => canonicalCommit({ ...next.commit, previous: 'short' })).code).toBe('INTERNAL');
    expect(failure(() => canonicalCommit({ ...next.commit, surplus: 1 } as never)).code).toBe('INTERNAL');
  });
});

test('stream.json comes back as it went in, and is refused damaged or newer', () => {
  const bytes = encodeIdentity(identity as never);
  expect(decodeIdentity(bytes, 'k')).toEqual(identity);
  const damaged = Buffer.from(bytes.toString().replace('"lanes":16', '"lanes":17'));
  expect(failure(() => decodeIdentity(damaged, 'k'))).toSatisfy((error) =>
    hasCode(error, 'MANIFEST_CORRUPT'),
  );
  const newer = sealJson({ ...identity, features: ['x'] });
  expect(failure(() => decodeIdentity(newer, 'k')).code).toBe('FORMAT_UNSUPPORTED');
});
