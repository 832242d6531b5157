/** The services, loaded when a command needs them: `waybill --help` must not wait for drivers and codecs. */
import type { CaptureSettings } from '@waybill/capture/settings';
import type { LoadSettings } from '@waybill/load/settings';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { WaybillError } from '@waybill/shared/errors';
import type { Logger } from '@waybill/shared/logger';
import type { Metrics } from '@waybill/shared/metrics';
import type { MongoConnection } from '@waybill/shared/mongo/connection';
import type { CaptureStats, LoadStats } from '@waybill/shared/stats';

interface Shared {
  readonly bucket: Bucket;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
}

interface Capture {
  runCapture(
    settings: CaptureSettings,
    deps: Shared & { readonly source: MongoConnection; readonly stats: CaptureStats },
  ): Promise<unknown>;
}

interface Load {
  runLoad(
    settings: LoadSettings,
    deps: Shared & { readonly target: MongoConnection; readonly stats: LoadStats },
  ): Promise<unknown>;
}

export const importCapture = (): Promise<Capture> => importPart('@waybill/capture/capture');
export const importLoad = (): Promise<Load> => importPart('@waybill/load/load');

async function importPart<Part>(name: string): Promise<Part> {
  return (await import(name)) as Part;
}

export function notBuilt(what: string): never {
  throw new WaybillError('INTERNAL', `${what} is not built yet`);
}
