/** A server that is not MongoDB: FerretDB, version 1 with SQLite. */
import { describeWithFerretdb } from '../support/ferretdb/server.ts';
import { targetContract } from '../support/target/contract/contract.ts';
import type { Expected } from '../support/target/contract/scene.ts';

const ABLE: Expected = {
  fences: false,
  showsWrites: false,
  hasTime: false,
  convertsToUnique: false,
  kind: 'ferretdb',
  hasIdentity: false,
  missesCollections: false,
  takesOptions: false,
  namesIndexes: false,
  takesLargeCommands: false,
};

await describeWithFerretdb('FerretDB keeps the contract of a target', (server) => {
  targetContract(() => server().uri, ABLE);
});
