import { WaybillError } from '@waybill/shared/base/errors';
import { silentLogger } from '@waybill/shared/base/logger';
import { createLoadStats } from '@waybill/shared/base/stats';
import { fromObject } from '@waybill/shared/bson/build';
import { ServerFailure } from '@waybill/shared/mongo/driver/classify';
import { describe, expect, it } from 'vitest';
import { SAME_NAMES } from '../mapping/name-mapping.ts';
import { MONGODB } from '../target/profiles/mongodb.ts';
import type { ProgressStore } from '../target/progress-store.ts';
import type { LoadTarget } from '../target/target.ts';
import type { StructureContext } from './context.ts';
import { indexName } from './index-spec.ts';
import { buildIndexes, reportOf } from './indexes.ts';
import { type CollectionRecord, Registry } from './registry.ts';

const BAD_VALUE = 2;
const BUILD_ABORTED = 276;

const spec = (name: string): Buffer => fromObject({ v: 2, key: { [name]: 1 }, name });
const collection = (...names: string[]): CollectionRecord => ({
  namespace: 'a.b',
  source: 'a.b',
  type: 'collection',
  uuid: null,
  targetUuid: null,
  created: true,
  options: fromObject({}),
  foreignValidator: false,
  blocked: [],
  indexes: names.map((name) => ({ name, spec: spec(name), state: 'waiting', note: null })),
});

function serverError(code: number): WaybillError {
  const cause = new ServerFailure('MongoServerError', 'said so', { code, codeName: undefined, labels: [] });
  return new WaybillError('MONGO_COMMAND_FAILED', 'said so', { cause });
}

/** A target that fails a build while `failure` gives a code for one of its indexes. */
async function contextWith(failure: (name: string) => number | undefined): Promise<StructureContext> {
  const store = { find: async () => [], update: async () => 1 } as unknown as ProgressStore;
  const standing: Buffer[] = [];
  const target = {
    profile: MONGODB,
    progress: store,
    indexes: async () => standing,
    createIndexes: async (_namespace: string, specs: readonly Buffer[]) => {
      for (const one of specs) {
        const code = failure(indexName(one));
        if (code !== undefined) throw serverError(code);
      }
      standing.push(...specs);
    },
  };
  const registry = await Registry.open(store, 'default');
  await registry.save(collection('one', 'two', 'three'));
  return {
    target: target as unknown as LoadTarget,
    registry,
    ownership: { held: async () => undefined, tag: { load: 'default', epoch: 1 } },
    takes: () => true,
    mapping: SAME_NAMES,
    settings: { allowDrop: false, ddl: 'apply', indexes: 'after-snapshot', load: 'default' },
    letters: { dropped: async () => undefined, renamed: async () => undefined },
    stats: createLoadStats(),
    logger: silentLogger,
    signal: new AbortController().signal,
  };
}

const verdicts = ({ registry }: StructureContext) =>
  reportOf(registry.get('a.b')!).map(({ name, verdict }) => `${name} ${verdict}`);

describe('buildIndexes', () => {
  it('builds again, alone, what was aborted', async () => {
    let aborts = 1;
    const context = await contextWith((name) => (name === 'two' && aborts-- > 0 ? BUILD_ABORTED : undefined));
    await buildIndexes(context, 'a.b');
    expect(verdicts(context)).toEqual(['one ok', 'two ok', 'three ok']);
  });

  it('lets what was aborted twice wait for another start, which builds it', async () => {
    let aborts = 2;
    const context = await contextWith((name) => (name === 'two' && aborts-- > 0 ? BUILD_ABORTED : undefined));
    await buildIndexes(context, 'a.b');
    expect(verdicts(context)).toEqual(['one ok', 'two waiting', 'three ok']);
    expect(context.stats.indexesBuilt).toBe(2);
    await buildIndexes(context, 'a.b');
    expect(verdicts(context)).toEqual(['one ok', 'two ok', 'three ok']);
  });

  it('blocks what the target refuses, and builds the others', async () => {
    const context = await contextWith((name) => (name === 'two' ? BAD_VALUE : undefined));
    await buildIndexes(context, 'a.b');
    expect(verdicts(context)).toEqual(['one ok', 'two blocked', 'three ok']);
  });
});
