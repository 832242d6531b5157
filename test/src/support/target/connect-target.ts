import * as ways from '@waybill/load/target/open/open-target';
import type { TargetKind } from '@waybill/load/target/profiles/profile';
import type { Target } from '@waybill/load/target/target';
import { silentLogger } from '@waybill/shared/base/logger';

/** A target with a connection of its own: `await using target = await connectTarget(uri)`. */
export async function connectTarget(
  uri: string,
  kind: TargetKind | null = null,
): Promise<Target & AsyncDisposable> {
  const { target, connection } = await ways.connectTarget(uri, { kind, logger: silentLogger });
  return Object.assign(target, { [Symbol.asyncDispose]: () => connection.close() });
}
