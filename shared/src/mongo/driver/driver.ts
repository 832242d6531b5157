/**
 * The two drivers. 7.8 refuses servers before 4.4. The older one (npm alias `mongodb-4-0`) speaks
 * to 4.0 and 4.2, and is loaded only when such a server is met. Their types agree in everything
 * that is used here.
 */
import { createRequire } from 'node:module';
import { dropRawVersions } from './raw-errors.ts';

export type DriverModule = typeof import('mongodb');
export type DriverGeneration = 'current' | 'old';

/** What raw commands need from a driver: see raw-command.ts. */
export interface Driver {
  readonly generation: DriverGeneration;
  readonly module: DriverModule;
  readonly DocumentSequence: DocumentSequenceClass;
}

/** The driver's own, internal class for OP_MSG document sequences. */
export type DocumentSequenceClass = new (
  field: string,
) => { push(document: object, bytes: Uint8Array): number };

const PACKAGES = { current: 'mongodb', old: 'mongodb-4-0' } as const;

export async function loadDriver(generation: DriverGeneration): Promise<Driver> {
  const packageName = PACKAGES[generation];
  const module = (await import(packageName)) as DriverModule;
  const require = createRequire(import.meta.url);
  const commands = require(`${packageName}/lib/cmap/commands.js`) as {
    DocumentSequence: DocumentSequenceClass;
  };
  const { Server } = require(`${packageName}/lib/sdam/server.js`) as {
    Server: Parameters<typeof dropRawVersions>[0];
  };
  dropRawVersions(Server);
  return { generation, module, DocumentSequence: commands.DocumentSequence };
}
