import { clusterTime } from '@waybill/shared/base/position';
import { buildDocument, doc, fromObject, string, uuid } from '@waybill/shared/bson/build';
import type { CollectionDefinition } from '@waybill/shared/manifest/commit';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { describe, expect, it } from 'vitest';
import { KnownCollections } from '../catalog/known-collections.ts';
import type { ChangeEvent } from '../event/change-event.ts';
import { type DdlContext, decideDdl } from './ddl.ts';

const UUID = Buffer.alloc(16, 1);
const OTHER = Buffer.alloc(16, 2);

function event(operationType: string, namespace: string, more: Partial<ChangeEvent> = {}): ChangeEvent {
  return {
    operationType,
    namespace,
    to: null,
    documentKey: null,
    fullDocument: null,
    fullDocumentBeforeChange: null,
    updateDescription: null,
    operationDescription: null,
    clusterTime: clusterTime(7, 1),
    wallTime: 5,
    transaction: null,
    collectionUuid: UUID,
    resumeToken: Buffer.alloc(5),
    splitEvent: null,
    ...more,
  };
}

function definition(namespace: string, bytes = UUID): CollectionDefinition {
  return {
    namespace,
    type: 'collection',
    uuid: bytes.toString('hex'),
    options: '',
    indexes: [],
    singleLane: false,
    capped: false,
    documents: 0,
    bytes: 0,
    snapshot: true,
  };
}

function context(more: Partial<DdlContext> = {}): DdlContext {
  return {
    filter: new NamespaceFilter({ include: ['shop'], exclude: ['shop.out'] }),
    known: new KnownCollections([definition('shop.a')]),
    isSharded: false,
    timeSeries: 'refuse',
    isWholeDatabase: (database) => database === 'shop',
    ...more,
  };
}

describe('decideDdl', () => {
  it('stops at an event of a type that it does not know', () => {
    expect(() => decideDdl(event('surprise', 'shop.a'), context())).toThrow(
      expect.objectContaining({ code: 'SOURCE_EVENT_UNKNOWN' }),
    );
  });

  it('reads a resharded collection again: it has another uuid', () => {
    const description = buildDocument([['reshardUUID', uuid(OTHER)]]);
    const resharded = event('reshardCollection', 'shop.a', { operationDescription: description });
    expect(decideDdl(resharded, context())).toEqual({
      kind: 'moved',
      namespace: 'shop.a',
      uuid: OTHER.toString('hex'),
      final: true,
    });
    expect(decideDdl(event('reshardCollection', 'shop.new'), context())).toMatchObject({
      kind: 'reread',
      namespace: 'shop.new',
      before: [],
    });
  });

  it('takes the creation of a name in use for a move, on a sharded cluster only', () => {
    const created = event('create', 'shop.a', { collectionUuid: OTHER });
    expect(decideDdl(created, context())).toMatchObject({ kind: 'record' });
    const sharded = context({ isSharded: true });
    expect(decideDdl(created, sharded)).toEqual({
      kind: 'moved',
      namespace: 'shop.a',
      uuid: OTHER.toString('hex'),
      final: false,
    });
    expect(decideDdl(event('create', 'shop.a'), sharded)).toMatchObject({ kind: 'ignore' });
    expect(decideDdl(event('create', 'shop.new'), sharded)).toMatchObject({ kind: 'record' });
  });

  it.each(['shardCollection', 'refineCollectionShardKey', 'invalidate'])('lets %s pass', (type) => {
    expect(decideDdl(event(type, 'shop.a'), context())).toMatchObject({ kind: 'ignore' });
  });

  it('records what a create left', () => {
    const description = fromObject({
      capped: true,
      size: 4096,
      idIndex: { v: 2, key: { _id: 1 }, name: '_id_' },
    });
    const decision = decideDdl(event('create', 'shop.new', { operationDescription: description }), context());
    expect(decision).toMatchObject({
      kind: 'record',
      event: { operation: 'create', namespace: 'shop.new', clusterTime: '7:1', wallTime: 5 },
      definition: {
        namespace: 'shop.new',
        singleLane: true,
        capped: true,
        snapshot: false,
        options: fromObject({ capped: true, size: 4096 }).toString('base64'),
      },
    });
  });

  it('puts a collated collection into one lane', () => {
    const collation = buildDocument([['collation', doc(buildDocument([['locale', string('en')]]))]]);
    expect(
      decideDdl(event('create', 'shop.new', { operationDescription: collation }), context()),
    ).toMatchObject({ definition: { singleLane: true, capped: false } });
  });

  it('refuses a time-series collection, unless its changes are not wanted', () => {
    const description = fromObject({ viewOn: 'system.buckets.new', pipeline: [] });
    const created = event('create', 'shop.new', { operationDescription: description });
    expect(() => decideDdl(created, context())).toThrow(
      expect.objectContaining({ code: 'SOURCE_UNSUPPORTED' }),
    );
    expect(decideDdl(created, context({ timeSeries: 'snapshot-only' }))).toMatchObject({ kind: 'ignore' });
  });

  it('leaves out what is not captured', () => {
    for (const type of ['create', 'drop', 'createIndexes', 'dropIndexes', 'modify']) {
      expect(decideDdl(event(type, 'shop.out'), context())).toMatchObject({ kind: 'ignore' });
    }
  });

  it('records a dropDatabase only where all of it is captured', () => {
    expect(decideDdl(event('dropDatabase', 'shop'), context())).toMatchObject({ kind: 'record' });
    expect(decideDdl(event('dropDatabase', 'crm'), context())).toMatchObject({ kind: 'ignore' });
  });

  it('doubts a drop on a sharded cluster', () => {
    const sharded = context({ isSharded: true });
    expect(decideDdl(event('drop', 'shop.a'), context())).toMatchObject({ kind: 'record' });
    expect(decideDdl(event('drop', 'shop.a'), sharded)).toMatchObject({ kind: 'doubtful-drop' });
    expect(decideDdl(event('drop', 'shop.a', { collectionUuid: OTHER }), sharded)).toMatchObject({
      kind: 'doubtful-drop',
    });
  });

  it('disbelieves a dropDatabase of a sharded cluster while collections live there', () => {
    const sharded = context({ isSharded: true });
    expect(decideDdl(event('dropDatabase', 'shop'), sharded)).toMatchObject({ kind: 'ignore' });
    const empty = context({ isSharded: true, known: new KnownCollections([]) });
    expect(decideDdl(event('dropDatabase', 'shop'), empty)).toMatchObject({ kind: 'record' });
  });

  it('takes a rename within, out of and into the captured names for what it is', () => {
    expect(decideDdl(event('rename', 'shop.a', { to: 'shop.b' }), context())).toMatchObject({
      kind: 'record',
      event: { operation: 'rename', namespace: 'shop.a', to: 'shop.b' },
    });
    expect(decideDdl(event('rename', 'shop.a', { to: 'shop.out' }), context())).toMatchObject({
      kind: 'record',
      event: { operation: 'drop', namespace: 'shop.a' },
    });
    expect(decideDdl(event('rename', 'shop.out', { to: 'shop.a' }), context())).toMatchObject({
      kind: 'reread',
      namespace: 'shop.a',
      before: [{ operation: 'drop', namespace: 'shop.a' }],
    });
    expect(decideDdl(event('rename', 'shop.out', { to: 'shop.new' }), context())).toMatchObject({
      kind: 'reread',
      before: [{ operation: 'drop', namespace: 'shop.new' }],
    });
    expect(decideDdl(event('rename', 'shop.out', { to: 'crm.out' }), context())).toMatchObject({
      kind: 'ignore',
    });
  });

  it('reads what a conversion to a capped collection has made', () => {
    const renamed = event('rename', 'shop.tmpaB3dE.convertToCapped.a', { to: 'shop.a' });
    const whole = context({ filter: new NamespaceFilter({ include: ['shop'] }) });
    expect(decideDdl(renamed, whole)).toMatchObject({
      kind: 'reread',
      namespace: 'shop.a',
      before: [{ operation: 'rename', to: 'shop.a' }],
    });
  });

  it('reads a renamed collection again where events have no uuid', () => {
    const renamed = event('rename', 'shop.a', { to: 'shop.b', collectionUuid: null });
    expect(decideDdl(renamed, context())).toMatchObject({
      kind: 'reread',
      namespace: 'shop.b',
      before: [{ operation: 'rename' }],
    });
  });
});
