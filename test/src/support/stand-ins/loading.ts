/** Loads into a stand-in, in this process: what was refused, and what stands there then. */
import type { Refusal } from '@waybill/load/apply/refusal';
import type { TargetKind } from '@waybill/load/target/profiles/profile';
import { it } from 'vitest';
import { temporaryBucket } from '../bucket.ts';
import { testClient } from '../raw.ts';
import { load, type RunLoadOptions } from '../run-load.ts';
import { uniqueName } from '../servers.ts';
import { StreamBuilder } from '../stream-builder.ts';
import type { StandInRules } from './rules.ts';
import { StandIn, type StandInOptions } from './stand-in.ts';

export interface Imitated {
  readonly rules: StandInRules;
  readonly kind: TargetKind;
  /** Of the server behind it. */
  readonly uri: () => string;
  readonly options?: Omit<StandInOptions, 'uri' | 'database'>;
}

/**
 * `it`, whose tests may ask for a `standIn` with a database that nobody else uses, an empty
 * `stream`, and the name of its `orders`. `run` loads the stream until caught up and returns what
 * was refused; `stored` are the documents of a collection.
 */
export function itLoadsInto({ rules, kind, uri, options = {} }: Imitated) {
  return it
    .extend('standIn', async ({ task: _ }, { onCleanup }) => {
      const standIn = await StandIn.start(rules, { uri: uri(), database: uniqueName(kind), ...options });
      onCleanup(async () => {
        await standIn[Symbol.asyncDispose]();
        await using client = await testClient(uri());
        for (const name of [standIn.options.database, 'waybill']) await client.client.db(name).dropDatabase();
      });
      return standIn;
    })
    .extend('bucket', async ({ task: _ }, { onCleanup }) => {
      const bucket = await temporaryBucket();
      onCleanup(() => bucket[Symbol.asyncDispose]());
      return bucket;
    })
    .extend('orders', ({ standIn }) => `${standIn.options.database}.orders`)
    .extend('stream', ({ bucket }) => StreamBuilder.create(bucket.url))
    .extend('run', ({ bucket, standIn }) => async (more: Partial<RunLoadOptions> = {}) => {
      const refused: Refusal[] = [];
      const onRefused = async (some: readonly Refusal[]) => void refused.push(...some);
      const to = { bucketUrl: bucket.url, targetUri: standIn.uri, targetKind: kind };
      const { stats } = await load({ ...to, until: 'caught-up', onRefused, ...more });
      return { refused, stats };
    })
    .extend('stored', ({ standIn }) => async (collection = 'orders') => {
      await using client = await testClient(uri());
      return await Array.fromAsync(client.read(standIn.options.database, collection));
    });
}
