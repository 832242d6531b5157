import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { askLoad } from '@waybill/load/letter-requests/ask-load';
import {
  type LetterAnswer,
  type LetterChoice,
  type LetterRequest,
  newRequest,
} from '@waybill/load/letter-requests/requests';
import type { IndexLine, Letter } from '@waybill/load/letters/letter';
import type { LetterRecord } from '@waybill/load/letters/letter-file';
import { letterLines, readOpenLetters, readRecords } from '@waybill/load/letters/read-letters';
import { serveLetters } from '@waybill/load/load';
import { resolveLoadSettings } from '@waybill/load/settings/load-settings';
import { silentLogger } from '@waybill/shared/base/logger';
import { createMetrics } from '@waybill/shared/base/metrics';
import { createLoadStats } from '@waybill/shared/base/stats';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import type { MilestoneName } from '@waybill/shared/manifest/commit';
import { loadPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { appendNote } from '@waybill/shared/manifest/note';
import type { Fate } from './letters-process.ts';
import { itLoadsDocuments } from './load-documents.ts';
import { connectTarget } from './target/connect-target.ts';

export interface LettersLog {
  readonly lines: readonly IndexLine[];
  readonly open: readonly Letter[];
  /** Of all letters, closed ones too. */
  readonly records: ReadonlyMap<number, LetterRecord>;
}

/** What the log of the load `default` says of its dead letters. */
export async function readLog(bucketUrl: string): Promise<LettersLog> {
  const bucket = await openBucket(bucketUrl);
  const source = { bucket, loadPrefix: loadPrefix('default', 'default') };
  const log = await readManifest(bucket, source.loadPrefix);
  const lines = await Array.fromAsync(letterLines(source, log));
  const open = [...(await readOpenLetters(source, log)).all()];
  const records = new Map<number, LetterRecord>();
  for (const file of log.deadLetters?.files ?? []) {
    for (const [letter, record] of await readRecords(source, file)) records.set(letter, record);
  }
  await bucket.close();
  return { lines, open, records };
}

interface AskOptions {
  readonly bucketUrl: string;
  readonly targetUri: string;
  readonly action?: LetterRequest['action'];
  readonly choice?: Partial<LetterChoice>;
  readonly reason?: string;
}

/** As the command does it: by the running load, or as the load's next owner. */
/** Leaves a request in the log, and does not wait for anybody to answer it. */
export async function leaveRequest(bucketUrl: string): Promise<void> {
  const bucket = await openBucket(bucketUrl);
  const { milestone } = newRequest('retry', { namespaces: [], rules: [], numbers: [] }, null);
  await appendNote(bucket, loadPrefix('default', 'default'), [milestone], { writer: 'test' });
  await bucket.close();
}

export async function askLetters(options: AskOptions): Promise<LetterAnswer> {
  const { bucketUrl, targetUri, action = 'retry', choice, reason = null } = options;
  await using target = await connectTarget(targetUri);
  const bucket = await openBucket(bucketUrl);
  const { signal } = new AbortController();
  const logger = silentLogger;
  const settings = resolveLoadSettings({});
  const deps = { bucket, target, logger, metrics: createMetrics(), stats: createLoadStats(), signal };
  const asked = {
    stream: 'default',
    load: 'default',
    progressDatabase: null,
    action,
    choice: { namespaces: [], rules: [], numbers: [], ...choice },
    reason,
  };
  return await askLoad(asked, { ...deps, serve: () => serveLetters(settings, deps) });
}

/** As an operator or a cutover notes it in the log of the load `default`. */
export async function noteInLoad(bucketUrl: string, name: MilestoneName): Promise<void> {
  const bucket = await openBucket(bucketUrl);
  const milestone = { name, at: new Date().toISOString(), clusterTime: null, sequence: null };
  await appendNote(bucket, loadPrefix('default', 'default'), [milestone], { writer: 'test' });
  await bucket.close();
}

/** Runs a process that kills itself at a point of its work; false where it never came there. */
export async function runUntilKilled(fate: Fate): Promise<boolean> {
  const script = fileURLToPath(new URL('letters-process.ts', import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(fate)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [exitCode, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (signal !== 'SIGKILL' && exitCode !== 0) throw new Error(`it failed by itself: ${said.slice(-2000)}`);
  return signal === 'SIGKILL';
}

/**
 * {@link itLoadsDocuments} on a target whose `orders` take a state below 10 alone, once `limited`
 * was called. `ask` asks the load, as the command does.
 */
export function itWithLetters(targetUri: () => string) {
  return itLoadsDocuments(targetUri, 'letters')
    .extend(
      'limited',
      ({ client, database }) =>
        () =>
          client.client.db(database).createCollection('orders', { validator: { state: { $lt: 10 } } }),
    )
    .extend(
      'ask',
      ({ bucket }) =>
        (options: Partial<AskOptions> = {}) =>
          askLetters({ bucketUrl: bucket.url, targetUri: targetUri(), ...options }),
    );
}
