/** What a kind of target can do, as far as it is known before the target is asked. */
import { isAtLeast, type ServerInfo } from '@waybill/shared/mongo/driver/server-info';

/** Always, never, or from that version on. */
export type KnownAbility = boolean | readonly [major: number, minor: number];
/** `probe`: to be found by asking the target. */
export type Ability = KnownAbility | 'probe';

/** A target that lacks one of these can be written to and compared nevertheless. */
export interface Abilities {
  /** Timestamp(0,0) at the top level of a document stays as it is. */
  readonly keepsEmptyTimestamps: Ability;
  /** It does so only by a flag of the command. */
  readonly hasTimestampFlag: KnownAbility;
  /** Updates may be pipelines, with `$replaceWith` and `$literal`. */
  readonly updatesByPipeline: Ability;
  /** Every command takes a comment. */
  readonly takesComments: KnownAbility;
  /** Commands take maxTimeMS. What ends a write is the matter of {@link Limits.writeMs}. */
  readonly takesTimeLimits: Ability;
  /** `$currentOp` shows running writes and their comments. */
  readonly showsOperations: KnownAbility;
  /** Refuses writes of earlier owners of a load. No server says so: it is tried out, or left. */
  readonly refusesLateWrites: 'probe' | false;
  /** Write concerns may ask for the journal, and set a time limit. */
  readonly confirmsJournal: KnownAbility;
  /** Writes may go past a collection's validator. */
  readonly bypassesValidation: Ability;
  /** connectionStatus tells what the user may do. */
  readonly tellsPrivileges: KnownAbility;
  /** Tells which cluster it is, as MongoDB does. */
  readonly tellsIdentity: KnownAbility;
  /** Reads may ask for what a majority has. */
  readonly readsMajority: KnownAbility;
  /** Reads may be bounded by keys of the index on `_id` (min, max, hint). */
  readonly readsByKeys: KnownAbility;
  /** Replies have an operation time, and reads may ask for nothing older than one. */
  readonly keepsTime: KnownAbility;
  /** Collections have uuids, by which commands can name them. */
  readonly keepsUuids: KnownAbility;
  /** A collection without documents is there. */
  readonly keepsEmptyCollections: KnownAbility;
  /** collMod. */
  readonly modifiesCollections: Ability;
  readonly renamesCollections: Ability;
  /** collMod turns a non-unique index into a unique one. */
  readonly convertsToUnique: KnownAbility;
  readonly hidesIndexes: KnownAbility;
  /** One command builds several indexes of a collection. */
  readonly buildsIndexesTogether: KnownAbility;
  /** createIndexes answers when the indexes are built. */
  readonly answersWhenBuilt: KnownAbility;
}

/** How each ability was settled. */
export type Found = { readonly [name in keyof Abilities]: boolean };

type Version = Pick<ServerInfo, 'versionArray'>;

function isAble(ability: KnownAbility, server: Version): boolean {
  return typeof ability === 'boolean' ? ability : isAtLeast(server, ...ability);
}

/** What is left to be found counts as missing. */
export function knownAbilities(abilities: Abilities, server: Version): Found {
  const known = Object.entries<Ability>({ ...abilities }).map(
    ([name, ability]) => [name, ability !== 'probe' && isAble(ability, server)] as const,
  );
  return Object.fromEntries(known) as Found;
}
