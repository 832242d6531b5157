import type { ServerBinary } from 'waybill/servers/find';
import { describeOrLeaveOut, type Suite, whyMissing } from '../left-out.ts';
import { findStore, type StoreKind } from './programs.ts';

const log = (message: string): void => console.log(`stores: ${message}`);
const binaries = new Map<StoreKind, Promise<ServerBinary>>();

/** Errors: SERVER_UNAVAILABLE. */
export function storeBinary(kind: StoreKind): Promise<ServerBinary> {
  let found = binaries.get(kind);
  if (!found) {
    found = findStore(kind, { log });
    binaries.set(kind, found);
  }
  return found;
}

/**
 * A suite that needs object stores: `await describeWithStores('name', ['s3'], () => { it(…) })` at the top level of a
 * test file; the suite starts them itself. Where one cannot be had the suite is left out and says why; in CI it fails.
 */
export async function describeWithStores(
  name: string,
  kinds: readonly StoreKind[],
  suite: Suite,
): Promise<void> {
  describeOrLeaveOut(name, await whyMissing(kinds.map((kind) => () => storeBinary(kind))), suite);
}
