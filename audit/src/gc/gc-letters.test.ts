import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { deadLettersKey, loadPrefix } from '@waybill/shared/manifest/keys';
import { SampleStream, STREAM } from '@waybill/test/support/audit/damaged-streams';
import { expect, it } from 'vitest';
import { type GcReport, runGc } from './gc.ts';

const HOUR = 3_600_000;

it('removes files of dead letters that no commit names, when they are old', async () => {
  await using stream = await SampleStream.whole();
  const collect = (): Promise<GcReport> =>
    runGc({ stream: STREAM, minAge: 0, delete: true }, { bucket: stream.bucket });
  const named = await stream.letters();
  const { key } = await stream.uploadLetters(1);
  const orphan = deadLettersKey(loadPrefix(STREAM, 'staging'), key);
  expect(await collect()).toMatchObject({ count: 0, kept: { young: 1 } });
  const then = new Date(Date.now() - 2 * HOUR);
  await utimes(join(stream.folder, orphan), then, then);
  expect((await collect()).items).toMatchObject([{ kind: 'dead-letters', key: orphan }]);
  expect(await stream.bucket.head(named)).not.toBeNull();
});
