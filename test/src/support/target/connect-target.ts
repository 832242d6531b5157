import { openTarget } from '@waybill/load/target/open/open-target';
import type { Target } from '@waybill/load/target/target';
import { connect } from '@waybill/shared/mongo/driver/connect';

/** A target with a connection of its own: `await using target = await connectTarget(uri)`. */
export async function connectTarget(uri: string): Promise<Target & AsyncDisposable> {
  const connection = await connect(uri, { role: 'target' });
  return Object.assign(openTarget(connection), {
    [Symbol.asyncDispose]: () => connection.close(),
  });
}
