/**
 * Fetches the object stores of tests and benchmarks into the cache, so a run doesn't wait for them.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import { findStore } from '../src/support/stores/programs.ts';

try {
  for (const kind of ['s3', 'gcs', 's3-without-conditions'] as const) {
    const { command, version, origin } = await findStore(kind, { log: (message) => console.log(message) });
    console.log(`${version} from ${origin}: ${command}`);
  }
} catch (error) {
  if (!(error instanceof WaybillError)) throw error;
  console.error(error.message);
  if (error.hint) console.error(error.hint);
  process.exitCode = error.exitCode;
}
