import { findMongod, findMongod40, type ServerBinary } from '@waybill/demo/servers/find';

/** `current` is the version that the demo runs; `oldest` is 4.0, the oldest source. */
export type ServerKind = 'current' | 'oldest';

export const log = (message: string): void => console.log(`servers: ${message}`);
const binaries = new Map<ServerKind, Promise<ServerBinary>>();

export function binaryOf(kind: ServerKind): Promise<ServerBinary> {
  let found = binaries.get(kind);
  if (!found) {
    found = kind === 'oldest' ? findMongod40({ log }) : findMongod({ log });
    binaries.set(kind, found);
  }
  return found;
}
