import { silentLogger } from '@waybill/shared/base/logger';
import { createLoadStats } from '@waybill/shared/base/stats';
import { buildDocument, double, int32 } from '@waybill/shared/bson/build';
import type { RawElement } from '@waybill/shared/bson/raw';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { DeadLetterFile } from '@waybill/shared/manifest/dead-letter-file';
import { loadPrefix } from '@waybill/shared/manifest/keys';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../apply/batch.ts';
import type { Refusal } from '../apply/refusal.ts';
import { DeadLetters } from './dead-letters.ts';
import type { IndexLine } from './letter.ts';
import { decodeIndex } from './letter-file.ts';
import { OpenLetters } from './open-letters.ts';

const namespace = 'shop.orders';
const entry = { kind: 'snapshot', key: 's', namespace, collectionUuid: null } as never;

/** In the snapshot, so that no segment is read for it. */
function refusalOf(id: RawElement, place: number, rest: Partial<Refusal> = {}): Refusal {
  return {
    kind: 'update',
    namespace,
    source: namespace,
    id,
    document: buildDocument([['_id', id]]),
    places: [{ segment: 's', chunk: 0, document: place, entry }],
    by: 'target',
    rule: 'server-121',
    code: 121,
    reason: 'no',
    attempts: 1,
    indexName: undefined,
    ...rest,
  };
}

/** Writes of one batch; each is the change of that sequence. */
function batchOf(
  writes: readonly (readonly [id: RawElement, sequence: number, isDelete?: boolean])[],
): Batch {
  return {
    scope: {
      namespace,
      source: namespace,
      bypassValidation: false,
      keepsOrder: false,
      placement: { paths: [] },
    },
    writes: writes.map(([id, record, isDelete = false]) => ({
      id,
      record,
      document: isDelete ? null : buildDocument([['_id', id]]),
    })),
    origin: { placesOf: ({ record }) => [{ segment: 'c', lane: 0, sequence: record }] },
  };
}

class Scene {
  readonly open = new OpenLetters();
  readonly stats = createLoadStats();
  readonly lines: IndexLine[] = [];
  readonly letters: DeadLetters;
  isAway = false;

  constructor(most = 10) {
    let bytes: Buffer = Buffer.alloc(0);
    const bucket = {
      put: async (_key: string, body: Buffer) => {
        bytes = body;
      },
    } as unknown as Bucket;
    const record = async (file: DeadLetterFile): Promise<void> => {
      if (this.isAway) throw new Error('away');
      this.lines.push(...decodeIndex(bytes.subarray(0, file.indexBytes), file));
    };
    this.letters = new DeadLetters(
      {
        bucket,
        streamPrefix: 'default',
        loadPrefix: loadPrefix('default', 'default'),
        epoch: 1,
        record,
        onReadAgain: () => undefined,
        signal: new AbortController().signal,
        most,
        load: 'default',
        stats: this.stats,
        logger: silentLogger,
      },
      this.open,
      0,
    );
  }

  numbers(): number[] {
    return [...this.open.all()].map(({ number }) => number);
  }

  /** What happened, as the log has it. */
  told(): string[] {
    return this.lines.map((line) => {
      if ('letter' in line) return `open ${line.letter.number}`;
      return 'closed' in line ? `${line.as} ${line.closed}` : JSON.stringify(line);
    });
  }
}

describe('a letter', () => {
  it('is closed in the log before a later record of its document is written', async () => {
    const scene = new Scene();
    await scene.letters.refused([refusalOf(int32(1), 0), refusalOf(int32(2), 1), refusalOf(int32(3), 2)]);
    const batch = batchOf([
      [int32(1), 5],
      [int32(2), 6, true],
      [int32(4), 7],
    ]);
    await scene.letters.watching(batch, async () => {
      expect(scene.told().slice(3)).toEqual(['superseded 1', 'deleted 2']);
      return [];
    });
    expect(scene.numbers()).toEqual([3]);
  });

  it('stays where its closing does not reach the log: nothing is written then', async () => {
    const scene = new Scene();
    await scene.letters.refused([refusalOf(int32(1), 0)]);
    scene.isAway = true;
    const write = (): never => {
      throw new Error('it was written');
    };
    await expect(scene.letters.watching(batchOf([[int32(1), 5]]), write)).rejects.toThrow('away');
    await expect(scene.letters.flush()).rejects.toThrow('away');
  });

  it('is one for equal _ids: a refused delete gives way to what comes after it', async () => {
    const scene = new Scene();
    const refused = refusalOf(int32(1), 0, { kind: 'delete' });
    await scene.letters.refused([refused]);
    await scene.letters.watching(batchOf([[double(1), 5]]), async () => []);
    expect(scene.numbers()).toEqual([]);
    await scene.letters.flush();
    expect(scene.told()).toEqual(['open 1', 'superseded 1']);
  });

  it('gives way to one of a later record, and not to one of an earlier record', async () => {
    const scene = new Scene();
    await scene.letters.refused([refusalOf(int32(1), 0)]);
    await scene.letters.refused([refusalOf(int32(2), 1)]);
    expect(scene.numbers()).toEqual([1, 2]);
    scene.letters.close(2, 'discarded');
    await scene.letters.refused([refusalOf(int32(1), 3)]);
    expect(scene.numbers()).toEqual([3]);
    // As a crash repeats them: an earlier record than that of the letter, and the record itself.
    await scene.letters.refused([refusalOf(int32(1), 3)]);
    expect(scene.numbers()).toEqual([3]);
  });

  it('is closed as retried where the load itself repeats its record, and the target takes it', async () => {
    const scene = new Scene();
    await scene.letters.refused([refusalOf(int32(1), 0), refusalOf(int32(2), 1)]);
    const documents = [1, 2].map((id) => buildDocument([['_id', int32(id)]]));
    const origin = { placesOf: ({ record }: { record: number }) => refusalOf(int32(1), record).places };
    const { scope } = batchOf([]);
    const segment = { scope, documents, origin, first: 0 };
    await scene.letters.watching(segment, async () => [refusalOf(int32(2), 1)]);
    expect(scene.numbers()).toEqual([2]);
    await scene.letters.flush();
    expect(scene.told().at(-1)).toBe('retried 1');
  });
});

it('may be the reason why the target lacks a document', async () => {
  const scene = new Scene();
  expect(scene.letters.mayLack(namespace, int32(1))).toBe(false);
  await scene.letters.refused([refusalOf(int32(1), 0)]);
  expect(scene.letters.mayLack(namespace, double(1))).toBe(true);
  expect(scene.letters.mayLack('shop.others', int32(1))).toBe(false);
});

describe('too many letters', () => {
  it('stop the load, and a later record of a document that has one is not one more', async () => {
    const scene = new Scene(1);
    await scene.letters.refused([refusalOf(int32(1), 0)]);
    await scene.letters.refused([refusalOf(int32(1), 5)]);
    expect(scene.numbers()).toEqual([2]);
    await expect(scene.letters.refused([refusalOf(int32(2), 1)])).rejects.toMatchObject({
      code: 'LOAD_DEAD_LETTERS_FULL',
      context: { open: 1, rule: 'server-121' },
    });
    await expect(new Scene(0).letters.refused([refusalOf(int32(2), 1)])).rejects.toMatchObject({
      code: 'TARGET_REFUSED_DOCUMENT',
    });
  });
});
