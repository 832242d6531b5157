/** What a user gets for a kind of target, or for options that do not go with it. */
import { expect, it } from 'vitest';
import { temporaryBucket } from '../support/bucket.ts';
import { runWaybill } from '../support/waybill.ts';

const LOCAL = 'mongodb://u:hunter2@127.0.0.1:9/shop';

it.each<[what: string, exitCode: number, code: string, message: RegExp, target: string, kind?: string]>([
  [
    'a kind that there is not',
    2,
    'CONFIG_INVALID',
    /--target-kind: "oracle" is not one of mongodb, atlas, .*firestore, ferretdb, generic/,
    LOCAL,
    'oracle',
  ],
  [
    'a kind that no load writes to',
    1,
    'TARGET_UNSUPPORTED',
    /is Azure Cosmos DB for MongoDB \(RU\), which Waybill does not load/,
    'mongodb://u:hunter2@a.mongo.cosmos.azure.com:10255',
  ],
  [
    'an option that the kind does not go with',
    2,
    'MONGO_URI_INVALID',
    /says retryWrites=true, and it needs retryWrites=false/,
    `${LOCAL}?retryWrites=true`,
    'firestore',
  ],
])('%s', async (_what, exitCode, code, message, target, kind) => {
  await using bucket = await temporaryBucket();
  const args = ['load', '--bucket', bucket.path, '--target', target, '--json'];
  const result = await runWaybill([...args, ...(kind ? ['--target-kind', kind] : [])]);
  expect(result.stdout + result.stderr).not.toContain('hunter2');
  expect(result.exitCode).toBe(exitCode);
  const last = result.stderr.trim().split('\n').at(-1)!;
  expect(JSON.parse(last)).toMatchObject({ error: { code, message: expect.stringMatching(message) } });
});
