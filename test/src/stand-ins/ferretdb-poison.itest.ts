/** FerretDB 1 keeps none of its poison as it is, and a load sends none of it. */
import type { Refusal } from '@waybill/load/apply/refusal';
import { runLoad } from '@waybill/load/load';
import { resolveLoadSettings } from '@waybill/load/settings/load-settings';
import { silentLogger } from '@waybill/shared/base/logger';
import { createMetrics } from '@waybill/shared/base/metrics';
import { createLoadStats } from '@waybill/shared/base/stats';
import { fromObject } from '@waybill/shared/bson/build';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { describe, expect, it } from 'vitest';
import { temporaryBucket } from '../support/bucket.ts';
import { describeWithFerretdb } from '../support/ferretdb/server.ts';
import { FERRETDB_POISON } from '../support/poison/ferretdb.ts';
import { testClient } from '../support/raw.ts';
import { put, StreamBuilder } from '../support/stream-builder.ts';
import { connectTarget } from '../support/target/connect-target.ts';

await describeWithFerretdb('poison for FerretDB', (server) => {
  const stored = async (name: string): Promise<string[]> => {
    await using client = await testClient(server().uri);
    const documents = await Array.fromAsync(client.read('poison', name));
    return documents.map((each) => each.toString('hex')).sort();
  };
  const hex = (documents: readonly Buffer[]): string[] =>
    documents.map((each) => each.toString('hex')).sort();

  describe('is not kept as it is, and what keeps the rule just so is', () => {
    it.each(FERRETDB_POISON)('$name', async ({ violating, allowed }) => {
      for (const document of [violating, allowed]) {
        await using client = await testClient(server().uri);
        // It may end the connection.
        await client.insert('poison', 'corpus', [document]).catch(() => undefined);
      }
      const there = await stored('corpus');
      expect(there).not.toContain(violating.toString('hex'));
      expect(there).toContain(allowed.toString('hex'));
    });
  });

  it('never reaches the target, while its neighbours do', async () => {
    await using bucket = await temporaryBucket();
    const stream = await StreamBuilder.create(bucket.url, {});
    const poison = FERRETDB_POISON.map(({ violating }) => violating);
    const sound = FERRETDB_POISON.map(({ allowed }) => allowed);
    const namespace = 'poison.loaded';
    await stream.snapshot([{ namespace, documents: poison.flatMap((each, at) => [each, sound[at]!]) }]);
    const later = fromObject({ _id: 1, v: 1 });
    await stream.changes([...poison.map((each) => put(namespace, each)), put(namespace, later)]);
    await stream.milestone('caught-up');
    const refusals: Refusal[] = [];
    await using target = await connectTarget(server().uri);
    await runLoad(resolveLoadSettings({ pollMs: 20, until: 'caught-up' }), {
      bucket: await openBucket(bucket.url),
      target,
      logger: silentLogger,
      metrics: createMetrics(),
      stats: createLoadStats(),
      signal: new AbortController().signal,
      onRefused: async (some) => void refusals.push(...some),
    });
    expect(await stored('loaded')).toEqual(hex([...sound, later]));
    const rules = FERRETDB_POISON.map(({ rule }) => rule);
    expect(refusals.map(({ rule }) => rule).sort()).toEqual([...rules, ...rules].sort());
    expect(refusals.every(({ by }) => by === 'check')).toBe(true);
  });
});
