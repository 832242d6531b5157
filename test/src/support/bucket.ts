import { pathToFileURL } from 'node:url';
import { temporaryFolder } from '@waybill/demo/servers/temporary';

export interface TemporaryBucket extends AsyncDisposable {
  /** The folder, absolute. */
  readonly path: string;
  /** The same as a `file:` URL. */
  readonly url: string;
}

export async function temporaryBucket(): Promise<TemporaryBucket> {
  const folder = await temporaryFolder('bucket');
  return {
    path: folder.path,
    url: pathToFileURL(folder.path).href,
    [Symbol.asyncDispose]: folder.remove,
  };
}
