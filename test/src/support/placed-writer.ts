import type { Batch, WriteScope } from '@waybill/load/apply/batch';
import { KeyedWriter } from '@waybill/load/apply/keyed-writer';
import { PlacedWriter } from '@waybill/load/apply/placed-writer';
import { type DocumentWriter, Writer } from '@waybill/load/apply/writer';
import { Placements } from '@waybill/load/placement/placements';
import { Gate } from '@waybill/load/rate/gate';
import { silentLogger } from '@waybill/shared/base/logger';
import { createMetrics } from '@waybill/shared/base/metrics';
import { createLoadStats } from '@waybill/shared/base/stats';
import { documentId } from '@waybill/shared/bson/statement';
import { uniqueName } from './servers.ts';
import { connectTarget } from './target/connect-target.ts';

export interface OpenedWriter extends AsyncDisposable {
  readonly writer: DocumentWriter;
  readonly placements: Placements;
  readonly scope: WriteScope;
  batch(...documents: readonly Buffer[]): Batch;
}

/** What a load writes one collection with, by a connection of its own. */
export async function openWriter(uri: string, namespace: string): Promise<OpenedWriter> {
  const connected = await connectTarget(uri);
  const { signal } = new AbortController();
  const target = await connected.forLoad({ progressDatabase: uniqueName('progress'), maxWriteMs: 60_000 });
  const ownership = { held: async () => undefined, tag: { load: 'default', epoch: 1 } };
  const logger = silentLogger;
  const stats = createLoadStats();
  const { rate: rules } = connected.profile;
  const deps = {
    target,
    ownership,
    indexes: { free: async () => false, setAside: async () => 'none' as const },
    gate: new Gate({ workers: 4, rules, pace: stats.pace, logger, signal }),
    stats,
    metrics: createMetrics(),
    logger,
    keepLearnt: async () => undefined,
    signal,
  };
  const placements = new Placements(deps);
  const placement = await placements.of(namespace);
  const scope = { namespace, source: namespace, bypassValidation: true, keepsOrder: false, placement };
  return {
    writer: new PlacedWriter(new Writer(deps), new KeyedWriter(deps), placements),
    placements,
    scope,
    batch: (...documents) => ({
      scope,
      origin: { placesOf: ({ record }) => [{ segment: 's', lane: 1, sequence: record }] },
      writes: documents.map((document, record) => ({ id: documentId(document), document, record })),
    }),
    [Symbol.asyncDispose]: () => connected[Symbol.asyncDispose](),
  };
}
