import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import { EMPTY_STATE, type StreamState } from '@waybill/shared/manifest/state';
import { expect, it } from 'vitest';
import { listedStream } from './list.ts';

const AT = '2026-11-20T10:00:00.000Z';

const identity: StreamIdentity = {
  formatVersion: 1,
  features: [],
  stream: 'default',
  createdAt: AT,
  source: 'abc',
  sourceTopology: 'replicaSet',
  lanes: 2,
  format: 'avro',
  codec: 'zstandard',
  include: ['shop'],
  exclude: ['shop.sessions'],
  images: 'lookup',
};

it('tells what a stream leaves out by now, not what it left out when it was created', () => {
  const evidence = { exclude: JSON.stringify(['shop.sessions', 'shop.log']) };
  const started = { name: 'capture-started', at: AT, clusterTime: null, sequence: null, evidence } as const;
  const stream: StreamState = { ...EMPTY_STATE, at: AT, milestones: [started] };
  const listed = listedStream({ bucket: 'file:///b', identity, stream, logs: new Map() });
  expect(listed.takes).toBe('--include shop --exclude shop.sessions,shop.log');
});
