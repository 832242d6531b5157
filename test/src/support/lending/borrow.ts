import { get, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { inject } from 'vitest';
import type { ServerKind } from './binaries.ts';
import { type LentServer, lendingPath, type Role } from './lent-server.ts';

export interface Borrowed {
  readonly server: LentServer;
  giveBack(): void;
}

/** A server of the run, for this file alone until it is given back or the process ends. */
export async function borrow(role: Role, kind: ServerKind): Promise<Borrowed> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${inject('lending')}${lendingPath(role, kind)}`, resolve).once('error', reject);
  });
  const lines = createInterface({ input: response });
  for await (const line of lines) {
    if (response.statusCode !== 200) throw new Error(`No server: ${line}`);
    return { server: JSON.parse(line) as LentServer, giveBack: () => void response.destroy() };
  }
  throw new Error('No server: the run has ended');
}
