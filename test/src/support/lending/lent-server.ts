import type { RunningServer } from '@waybill/demo/servers/start';
import type { ServerKind } from './binaries.ts';

export const ROLES = ['source', 'target'] as const;
export type Role = (typeof ROLES)[number];

/** What a file learns of a server that it has for a while; it cannot stop it. */
export type LentServer = Pick<RunningServer, 'uri' | 'port' | 'version'>;

/** Where servers are lent, and what is asked for there. */
export function lendingPath(role: Role, kind: ServerKind): string {
  return `/${role}/${kind}`;
}

declare module 'vitest' {
  export interface ProvidedContext {
    /** The address of the run's lending desk. */
    readonly lending: string;
  }
}
