/**
 * Loads into every stand-in, killed in the middle of the snapshot and of the
 * changes. A target that refuses no late writes makes the next owner wait for a minute or two: the
 * kinds wait side by side.
 */
import { it } from 'vitest';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { ATLAS_FLEX } from '../support/stand-ins/atlas-flex.ts';
import { AZURE_DOCUMENTDB } from '../support/stand-ins/azure-documentdb.ts';
import { DOCUMENTDB } from '../support/stand-ins/documentdb.ts';
import { FIRESTORE } from '../support/stand-ins/firestore.ts';
import { UNKNOWN_SERVER } from '../support/stand-ins/generic.ts';
import type { StandInRules } from '../support/stand-ins/rules.ts';
import { StandIn, type StandInOptions } from '../support/stand-ins/stand-in.ts';
import { CHANGES, type Killing, migrate, SNAPSHOT, WAIT_MS } from './killed-loads.ts';

interface Imitated extends Killing {
  readonly rules: StandInRules;
  readonly options: Omit<StandInOptions, 'uri' | 'database'>;
}

const IMITATED: readonly Imitated[] = [
  {
    rules: FIRESTORE,
    kind: 'firestore',
    options: { tls: true, user: true, query: { loadBalanced: 'true', retryWrites: 'false' } },
    kills: [SNAPSHOT, CHANGES],
  },
  { rules: DOCUMENTDB, kind: 'documentdb', options: { query: { replicaSet: 'rs0' } }, kills: [CHANGES] },
  { rules: AZURE_DOCUMENTDB, kind: null, options: {}, kills: [CHANGES] },
  {
    rules: ATLAS_FLEX,
    kind: 'atlas-flex',
    options: { query: { replicaSet: 'atlas-flex' } },
    kills: [SNAPSHOT, CHANGES],
  },
  { rules: UNKNOWN_SERVER, kind: null, options: {}, kills: [CHANGES] },
];

await describeWithServer('loads that are killed', (servers) => {
  for (const { rules, options, ...how } of IMITATED) {
    it.concurrent(`bring everything to a stand-in for ${rules.title}`, { timeout: WAIT_MS }, async () => {
      const database = uniqueName('kills');
      await using standIn = await StandIn.start(rules, { uri: servers.target.uri, database, ...options });
      await migrate(servers.source, standIn, how);
    });
  }
});
