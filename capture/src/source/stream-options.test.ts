import { clusterTime } from '@waybill/shared/base/position';
import { fromObject } from '@waybill/shared/bson/build';
import { DocumentPlaces } from '@waybill/shared/bson/document-places';
import { findElement } from '@waybill/shared/bson/raw';
import type { ServerInfo } from '@waybill/shared/mongo/driver/server-info';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { describe, expect, it } from 'vitest';
import { optionsHash, serverMatch, streamOptions, streamPipeline } from './stream-options.ts';

const server = (version: string, wireVersion: number): ServerInfo => ({
  version,
  versionArray: version.split('.').map(Number),
  wireVersion,
  topology: 'replicaSet',
  setName: 'rs',
  isWritable: true,
  primary: null,
  maxBsonObjectSize: 16 << 20,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  hasSessions: true,
  fields: new Set<string>(),
});

const nothing = { databases: [], namespaces: [] };
const wishes = { images: 'lookup', included: null, excluded: nothing } as const;

describe('streamOptions', () => {
  it.each([
    ['4.0.10', false, false],
    ['5.0.0', false, false],
    ['6.0.8', true, false],
    ['6.0.9', true, true],
    ['7.0.0', true, true],
    ['8.2.0', true, true],
  ])('asks %s only for what it knows', (version, expanded, split) => {
    expect(streamOptions(server(version, 7), wishes)).toMatchObject({
      showExpandedEvents: expanded,
      splitLargeEvents: split,
    });
  });

  it('has another hash for everything that a token depends on', () => {
    const base = streamOptions(server('8.2.0', 27), wishes);
    const others = [
      base,
      { ...base, showExpandedEvents: false },
      { ...base, splitLargeEvents: false },
      { ...base, postImages: true },
      { ...base, match: { $or: [] } },
    ];
    expect(new Set(others.map(optionsHash)).size).toBe(others.length);
  });
});

describe('serverMatch', () => {
  const lists = (include: string[]) => new NamespaceFilter({ include }).exactLists();

  it('is none where names are not listed whole', () => {
    expect(serverMatch(lists([]), nothing)).toBeNull();
    expect(serverMatch(lists(['shop.ord*']), nothing)).toBeNull();
  });

  it('lists names, and lets renames into them through', () => {
    expect(serverMatch(lists(['shop', 'crm.people']), nothing)).toEqual({
      $or: [
        { 'ns.db': { $in: ['shop'] } },
        { 'to.db': { $in: ['shop'] } },
        { ns: { $in: [{ db: 'crm', coll: 'people' }] } },
        { to: { $in: [{ db: 'crm', coll: 'people' }] } },
        { operationType: 'invalidate' },
      ],
    });
  });

  it('leaves the documents of excluded names on the server, and not their renames', () => {
    const { included, excluded } = new NamespaceFilter({
      exclude: ['old', 'shop.log', 'shop.tmp*'],
    }).serverLists();
    const operationType = { $in: ['insert', 'update', 'replace', 'delete'] };
    expect(serverMatch(included, excluded)).toEqual({
      $nor: [
        { operationType, 'ns.db': { $in: ['old'] } },
        { operationType, ns: { $in: [{ db: 'shop', coll: 'log' }] } },
      ],
    });
    expect(serverMatch(lists(['shop']), excluded)).toHaveProperty('$nor');
  });
});

describe('streamPipeline', () => {
  const token = fromObject({ _data: '8200' });
  const stageOf = (version: string, wireVersion: number, start: Parameters<typeof streamPipeline>[1]) => {
    const info = server(version, wireVersion);
    const stages = DocumentPlaces.ofArray(streamPipeline(streamOptions(info, wishes), start, info)).toArray();
    return { stages, stream: findElement(stages[0]!, '$changeStream')!.bytes };
  };

  it('passes tokens as they are, in the way that the server takes', () => {
    const current = stageOf('8.2.0', 27, { at: 'token', token });
    expect(Buffer.from(findElement(current.stream, 'startAfter')!.bytes)).toEqual(token);
    expect(findElement(current.stages.at(-1)!, '$changeStreamSplitLargeEvent')).toBeDefined();
    const oldest = stageOf('4.0.10', 7, { at: 'token', token });
    expect(Buffer.from(findElement(oldest.stream, 'resumeAfter')!.bytes)).toEqual(token);
    expect(oldest.stages).toHaveLength(1);
  });

  it('starts at a time, or now', () => {
    const timed = stageOf('8.2.0', 27, { at: 'time', time: clusterTime(3, 4) });
    expect(findElement(timed.stream, 'startAtOperationTime')?.type).toBe(0x11);
    const now = stageOf('8.2.0', 27, { at: 'now' });
    expect(findElement(now.stream, 'startAtOperationTime')).toBeUndefined();
    expect(findElement(now.stream, 'startAfter')).toBeUndefined();
  });
});
