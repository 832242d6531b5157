/** A stream in the middle of its snapshot, and what a status makes of it. */
import { type StatusInput, statusOf } from '@waybill/console/model/status';
import type {
  CollectionDefinition,
  Milestone,
  SegmentEntry,
  StreamIdentity,
} from '@waybill/shared/manifest/commit';
import { EMPTY_STATE, type StreamState } from '@waybill/shared/manifest/state';
import { sampleIdentity } from './manifest/samples.ts';

export const AT = Date.parse('2026-11-20T10:00:00Z');
const at = (seconds: number) => new Date(AT + seconds * 1000).toISOString();
export const T = Math.floor(AT / 1000);

const identity: StreamIdentity = {
  ...sampleIdentity,
  formatVersion: 1,
  features: [],
  createdAt: at(0),
  source: 'abc',
  lanes: 2,
  include: [],
};

export const milestone = (name: Milestone['name'], seconds: number, sequence = 0): Milestone => ({
  name,
  at: at(seconds),
  clusterTime: `${T + seconds}:1`,
  sequence,
});

export const collection = (
  namespace: string,
  more: Partial<CollectionDefinition> = {},
): CollectionDefinition => ({
  namespace,
  type: 'collection',
  uuid: null,
  options: '',
  indexes: [],
  singleLane: false,
  capped: false,
  documents: 1000,
  bytes: 10_000,
  snapshot: true,
  ...more,
});

export const segment = (namespace: string, records: number, documentBytes: number): SegmentEntry => ({
  kind: 'snapshot',
  key: `${namespace}-${records}`,
  format: 'avro',
  codec: 'zstandard',
  bytes: documentBytes / 2,
  records,
  sha256: '',
  documentBytes,
  namespace,
});

const chunk = (namespace: string, number: number, records: number | null, more = {}) => ({
  namespace,
  chunk: number,
  lower: null,
  upper: null,
  progress:
    records === null ? null : { namespace, chunk: number, lastId: null, records, done: true, ...more },
});

const byNumber = <T extends { chunk: number }>(...chunks: T[]) =>
  new Map(chunks.map((each) => [each.chunk, each]));

export const inSnapshot: StreamState = {
  ...EMPTY_STATE,
  seq: 7,
  epoch: 2,
  writer: 'host-1',
  at: at(100),
  position: { clusterTime: `${T + 90}:3`, resumeToken: null, options: '' },
  lastSequence: 50,
  collections: new Map(
    [
      collection('shop.orders'),
      collection('shop.small', { documents: 10, bytes: 100 }),
      collection('shop.gone'),
      collection('shop.view', { type: 'view', snapshot: false, documents: 0, bytes: 0 }),
    ].map((each) => [each.namespace, each]),
  ),
  chunks: new Map([
    ['shop.orders', byNumber(chunk('shop.orders', 0, 400), chunk('shop.orders', 1, null))],
    ['shop.gone', byNumber(chunk('shop.gone', 0, 0, { skipped: true }))],
  ]),
  snapshotSegments: [segment('shop.orders', 400, 5050)],
  milestones: [milestone('snapshot-started', 0)],
  totals: { ...EMPTY_STATE.totals, snapshotSegments: 1, snapshotBytes: 2525, changeRecords: 50 },
};

export const status = (more: Partial<StatusInput> = {}) =>
  statusOf({
    bucket: '/b',
    identity,
    stream: inSnapshot,
    load: null,
    sourceTime: null,
    now: AT + 103_000,
    ...more,
  });
