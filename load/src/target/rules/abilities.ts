/** What a kind of target can do, as far as it is known before the target is asked. */
import { isAtLeast, type ServerInfo } from '@waybill/shared/mongo/driver/server-info';

/** Always, never, or from that version on. */
export type KnownAbility = boolean | readonly [major: number, minor: number];
/** `probe`: to be found by asking the target. */
export type Ability = KnownAbility | 'probe';

export interface Abilities {
  /** A flag of a write keeps Timestamp(0,0) at the top level of a document. */
  readonly keepsEmptyTimestamps: Ability;
  /** Updates may be pipelines, with `$replaceWith` and `$literal`. */
  readonly updatesByPipeline: Ability;
  /** Writes of several namespaces go in one command, `bulkWrite`. */
  readonly takesBulkWrites: Ability;
  /** Every command takes a comment. */
  readonly takesComments: KnownAbility;
  /** `$currentOp` shows running writes and their comments. */
  readonly showsOperations: KnownAbility;
  /** Refuses writes of earlier owners of a load. No server says so: it is tried out, or left. */
  readonly refusesLateWrites: 'probe' | false;
  /** A write ends at its maxTimeMS. */
  readonly keepsTimeLimits: KnownAbility;
  /** Write concerns may ask for the journal, and set a time limit. */
  readonly confirmsJournal: KnownAbility;
  /** Writes may go past a collection's validator. */
  readonly bypassesValidation: Ability;
  /** connectionStatus tells what the user may do. */
  readonly tellsPrivileges: KnownAbility;
  readonly modifiesCollections: Ability;
  readonly renamesCollections: Ability;
  /** collMod turns a non-unique index into a unique one. */
  readonly convertsToUnique: KnownAbility;
  readonly hidesIndexes: KnownAbility;
  /** One command builds several indexes of a collection. */
  readonly buildsIndexesTogether: KnownAbility;
}

type Version = Pick<ServerInfo, 'versionArray'>;

export function isAble(ability: KnownAbility, server: Version): boolean {
  return typeof ability === 'boolean' ? ability : isAtLeast(server, ...ability);
}

/** `probe` asks the target, where its profile says so. */
export async function findAbility(
  ability: Ability,
  server: Version,
  probe: () => Promise<boolean>,
): Promise<boolean> {
  return ability === 'probe' ? probe() : isAble(ability, server);
}
