/**
 * Lists the streams of a bucket and the loads of a stream, for people who name one that does not
 * exist.
 */

import { WaybillError } from '../base/errors.ts';
import { throwIfAborted } from '../base/lifecycle.ts';
import { closest } from '../base/suggest.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { patientList } from '../bucket/patient-list.ts';
import { identityKey, isName, loadsPrefix } from './keys.ts';
import { type LogOptions, retried } from './options.ts';

/** A bucket may hold other folders too: at most this many folders are looked into. */
const MOST_FOLDERS = 1000;
const MOST_NAMED = 20;

/**
 * The streams of a bucket, by the names of their keys. Costs one list request and one look per
 * folder.
 */
export async function* streamNames(bucket: Bucket, options: LogOptions = {}): AsyncGenerator<string> {
  let looked = 0;
  for await (const name of folderNames(bucket, '', options.signal)) {
    if (++looked > MOST_FOLDERS) return;
    if (!isName(name)) continue;
    const found = await retried((call) => bucket.head(identityKey(name), call), options);
    if (found) yield name;
  }
}

/**
 * The loads that have a folder in a stream, by the names of their keys. Costs one list request per
 * load.
 */
export function loadNames(bucket: Bucket, stream: string, signal?: AbortSignal): AsyncGenerator<string> {
  return folderNames(bucket, loadsPrefix(stream), signal);
}

/** The error for a stream that does not exist. It names the streams that do. */
export async function streamMissing(
  bucket: Bucket,
  stream: string,
  options: LogOptions = {},
): Promise<WaybillError> {
  const names = await someOf(streamNames(bucket, options), options.signal);
  return new WaybillError('STREAM_MISSING', `there is no stream ${stream} in ${bucket.url}`, {
    hint:
      names.length > 0
        ? nameInstead(stream, names, '--stream', 'The bucket has')
        : 'Start a capture first, or check --bucket and --stream.',
    context: { stream },
  });
}

/** The error for a load that does not exist. It names the loads that do. */
export async function loadMissing(
  bucket: Bucket,
  { stream, load }: { readonly stream: string; readonly load: string },
  signal?: AbortSignal,
): Promise<WaybillError> {
  const names = await someOf(loadNames(bucket, stream, signal), signal);
  return new WaybillError('LOAD_MISSING', `the stream ${stream} in ${bucket.url} has no load ${load}`, {
    hint:
      names.length > 0
        ? nameInstead(load, names, '--load', 'The stream has')
        : 'No load of this stream has been started yet: start `waybill load` first.',
    context: { stream, load },
  });
}

function nameInstead(given: string, names: readonly string[], option: string, who: string): string {
  const guess = closest(given, names);
  const named = names.slice(0, MOST_NAMED).join(', ');
  const more = names.length > MOST_NAMED ? ', and more' : '';
  return `${guess ? `Did you mean ${option} ${guess}? ` : ''}${who}: ${named}${more}.`;
}

/** Best effort: the caller reports the missing name in any case. */
async function someOf(names: AsyncIterable<string>, signal: AbortSignal | undefined): Promise<string[]> {
  const found: string[] = [];
  try {
    for await (const name of names) {
      found.push(name);
      if (found.length > MOST_NAMED) break;
    }
  } catch {
    throwIfAborted(signal);
  }
  return found;
}

async function* folderNames(bucket: Bucket, prefix: string, signal?: AbortSignal): AsyncGenerator<string> {
  for (let startAfter: string | undefined; ; ) {
    const name = await nextName(bucket, prefix, startAfter, signal);
    if (name === undefined) return;
    yield name;
    // `0` is the character after the slash: it sorts behind all keys of this folder and before the
    // keys of the next one.
    startAfter = `${prefix}${name}0`;
  }
}

async function nextName(
  bucket: Bucket,
  prefix: string,
  startAfter: string | undefined,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  for await (const { key } of patientList(bucket, prefix, { startAfter, signal })) {
    const end = key.indexOf('/', prefix.length);
    if (end > 0) return key.slice(prefix.length, end);
  }
  return undefined;
}
