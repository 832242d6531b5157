/**
 * Fetches the servers and tools of tests and benchmarks into the cache, so a run doesn't wait for
 * them.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import { findMongod, findMongod40, findMongoTools, type ServerBinary } from '../src/servers/find.ts';

const options = { log: (message: string) => console.log(message) };

function say({ command, leadingArgs, version, origin }: ServerBinary): void {
  console.log(`${version} from ${origin}: ${leadingArgs.at(-1) ?? command}`);
}

try {
  say(await findMongod(options));
  say(await findMongod40(options));
  const { mongodump, mongorestore } = await findMongoTools(options);
  say(mongodump);
  say(mongorestore);
} catch (error) {
  if (!(error instanceof WaybillError)) throw error;
  console.error(error.message);
  if (error.hint) console.error(error.hint);
  process.exitCode = error.exitCode;
}
