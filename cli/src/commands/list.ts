import { WaybillError } from '@waybill/shared/base/errors';
import { printable, printableData } from '@waybill/shared/base/printable';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { readStream } from '@waybill/shared/manifest/identity';
import { loadPrefix, streamPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { loadNames, streamNames } from '@waybill/shared/manifest/names';
import { type ListedStream, listedStream, renderList } from '../output/list.ts';
import type { CommandContext } from './command.ts';
import { Services } from './services.ts';

/** Lists the streams of a bucket and their loads. Reads their logs, and connects to no server. */
export async function runListCommand(context: CommandContext): Promise<number> {
  const { options, output, signal } = context;
  await using services = new Services(context);
  const bucket = await services.bucket();
  const streams: ListedStream[] = [];
  for await (const stream of streamNames(bucket, { signal })) {
    streams.push(await describe(bucket, stream, signal));
  }
  if (options.json) output.printJson({ bucket: bucket.url, streams });
  else output.print(renderList(printable(bucket.url), printableData(streams), output.paint));
  return 0;
}

/** A stream that cannot be read is listed too, with the reason. */
async function describe(bucket: Bucket, stream: string, signal: AbortSignal): Promise<ListedStream> {
  try {
    const identity = await readStream(bucket, streamPrefix(stream), { signal });
    const state = await readManifest(bucket, streamPrefix(stream), { signal });
    const logs = new Map<string, typeof state>();
    for await (const load of loadNames(bucket, stream, signal)) {
      logs.set(load, await readManifest(bucket, loadPrefix(stream, load), { signal }));
    }
    return listedStream({ bucket: bucket.url, identity, stream: state, logs });
  } catch (error) {
    if (!(error instanceof WaybillError) || error.kind !== 'failed') throw error;
    return { stream, error: `${error.code}: ${error.message}` };
  }
}
