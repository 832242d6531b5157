/**
 * Replies are raw here (reply.ts), and so are the replies of errors: a driver finds bytes where it
 * expects a parsed `topologyVersion`. It keeps them, and the second error of an election then fails
 * in the driver with a TypeError. Without the field a driver takes every error for news, as it does
 * for servers that send none. test/src/integration/raw-errors.itest.ts proves it.
 */

interface ServerClass {
  readonly prototype: { handleError(error: RawError, ...more: unknown[]): unknown };
}

interface RawError {
  topologyVersion?: unknown;
}

const PATCHED = new WeakSet<ServerClass>();

/** `server`: the driver's own, internal class for a server. Safe to repeat. */
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
