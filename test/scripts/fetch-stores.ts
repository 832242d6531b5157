/**
 * Fetches the object stores of tests and benchmarks, and FerretDB, into the cache, so a run doesn't
 * wait for them.
 */

import type { ServerBinary } from '@waybill/demo/servers/find';
import { WaybillError } from '@waybill/shared/base/errors';
import { findFerretdb } from '../src/support/ferretdb/server.ts';
import { findStore } from '../src/support/stores/programs.ts';

const log = (message: string): void => console.log(message);
const say = ({ command, version, origin }: ServerBinary): void =>
  log(`${version} from ${origin}: ${command}`);

try {
  for (const kind of ['s3', 'gcs', 's3-without-conditions'] as const) say(await findStore(kind, { log }));
  say(await findFerretdb({ log }));
} catch (error) {
  if (!(error instanceof WaybillError)) throw error;
  console.error(error.message);
  if (error.hint) console.error(error.hint);
  process.exitCode = error.exitCode;
}
