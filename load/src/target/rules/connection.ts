/** What a connection string of a kind of target must say, or must not. */

export interface ForcedOption {
  /** As connection strings write it. */
  readonly name: string;
  readonly value: boolean;
  /** Servers from this version on take any value. */
  readonly before?: readonly [major: number, minor: number, patch: number];
  /** A connection within this machine may have another value. */
  readonly exceptLocally?: boolean;
}

/** One way to log in, and what its options must be. */
export interface LoginRule {
  /** authMechanism; null: the option is not given. */
  readonly mechanism: string | null;
  readonly user: 'needed' | 'none';
  /** authMechanismProperties that it needs, as `NAME:value`. */
  readonly properties: readonly string[];
  /** The authSource that it needs; null for any. */
  readonly source: string | null;
}

export interface ConnectionRules {
  /** Set where the connection string does not have them; it must not say otherwise. */
  readonly forced: readonly ForcedOption[];
  /** Options that such a connection string must not have. */
  readonly refused: readonly string[];
  /** One host, and no mongodb+srv. */
  readonly hasOneHost: boolean;
  /** The path of the connection string names the one database that it reaches. */
  readonly namesDatabase: boolean;
  /** Null: any way that the driver knows. */
  readonly logins: readonly LoginRule[] | null;
}

export const ANY_CONNECTION: ConnectionRules = {
  forced: [],
  refused: [],
  hasOneHost: false,
  namesDatabase: false,
  logins: null,
};
