/**
 * Replies are raw here (reply.ts), and so are the replies of errors: a driver finds bytes where it
 * expects a parsed `topologyVersion`. It keeps the bytes, and the second error of an election then
 * fails in the driver with a TypeError. So the field is dropped. Without it a driver takes every
 * error for news, as it does with servers that send none. test/src/integration/raw-errors.itest.ts
 * proves it.
 */

interface ServerClass {
  readonly prototype: { handleError(error: RawError, ...more: unknown[]): unknown };
}

interface RawError {
  topologyVersion?: unknown;
}

const PATCHED = new WeakSet<ServerClass>();

/** `server` is the driver's own, internal class for a server. Safe to repeat. */
export function dropRawVersions(server: ServerClass): void {
  if (PATCHED.has(server)) return;
  PATCHED.add(server);
  const { prototype } = server;
  const { handleError } = prototype;
  prototype.handleError = function (this: unknown, error: RawError, ...more: unknown[]) {
    if (error?.topologyVersion instanceof Uint8Array) delete error.topologyVersion;
    return handleError.call(this, error, ...more);
  };
}
