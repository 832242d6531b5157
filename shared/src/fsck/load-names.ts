import type { Bucket } from '../bucket/bucket.ts';
import { patientList } from '../bucket/patient-list.ts';
import { loadsPrefix } from '../manifest/keys.ts';

/** The loads that have a folder in a stream, by the names of their keys; one list request for each. */
export async function* loadNames(
  bucket: Bucket,
  stream: string,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  const prefix = loadsPrefix(stream);
  for (let startAfter: string | undefined; ; ) {
    const name = await nextName(bucket, prefix, startAfter, signal);
    if (name === undefined) return;
    yield name;
    // `0` is what comes after the slash: behind all keys of this load, and before the next one's.
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
