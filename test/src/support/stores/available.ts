import { describeOrLeaveOut, type Suite, whyMissing } from '../left-out.ts';
import { type StoreKind, storeBinary } from './programs.ts';

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
