/**
 * What is known of a kind of target before it is asked. One file each beside this one. Data alone:
 * how such a target is spoken to is the matter of its implementation.
 */
import { isAtLeast, type ServerInfo } from '@waybill/shared/mongo/driver/server-info';

/** Always, never, or from that version on. */
export type KnownAbility = boolean | readonly [major: number, minor: number];
/** `probe`: to be found by asking the target. */
export type Ability = KnownAbility | 'probe';

export interface TargetProfile {
  readonly name: string;
  /** By what the server says of itself (hello, buildInfo). */
  readonly recognises: (server: ServerInfo) => boolean;
  readonly implementation: 'mongodb';
  readonly limits: {
    /** Of a message, for everything that is not the statements. Bytes. */
    readonly messageRoom: number;
    /** A batch of fewer statements does not go as a transaction: the second message costs more. */
    readonly transactionStatements: number;
    /** Nor does a batch of more bytes. */
    readonly transactionBytes: number;
  };
  readonly abilities: {
    readonly keepsEmptyTimestamps: Ability;
    readonly convertsToUnique: KnownAbility;
    readonly hidesIndexes: KnownAbility;
    /** Every command takes a comment, which `$currentOp` shows. */
    readonly takesComments: KnownAbility;
    /** Refuses writes of earlier owners of a load. No server says so: it is tried out, or left. */
    readonly refusesLateWrites: 'probe' | false;
  };
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
