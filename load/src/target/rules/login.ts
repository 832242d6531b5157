/** How one logs in to a kind of target: which options of a connection string belong together. */
import type { WaybillError } from '@waybill/shared/base/errors';
import { uriOptions, uriParts } from '@waybill/shared/mongo/driver/uri';

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

export type Refuse = (what: string, option: string) => WaybillError;

/** Within this machine one need not log in: an emulator has no users. */
export function assertLogin(
  uri: string,
  logins: readonly LoginRule[],
  isLocal: boolean,
  refuse: Refuse,
): void {
  const given = uriOptions(uri);
  const mechanism = given.get('authmechanism') ?? null;
  const hasUser = (uriParts(uri)?.credentials ?? '') !== '';
  if (isLocal && mechanism === null && !hasUser) return;
  const rule = logins.find((login) => login.mechanism === mechanism);
  if (!rule) {
    const known = logins.flatMap((login) => login.mechanism ?? []).join(', ');
    throw refuse(`has an authMechanism that it does not take; it takes ${known}`, 'authMechanism');
  }
  const called = mechanism === null ? 'no authMechanism' : `authMechanism=${mechanism}`;
  if (rule.user === 'needed' && !hasUser) throw refuse(`has ${called} and no user`, 'user');
  if (rule.user === 'none' && hasUser) throw refuse(`has ${called} and a user, which goes without`, 'user');
  const properties = (given.get('authmechanismproperties') ?? '').split(',');
  const lacking = rule.properties.find((property) => !properties.includes(property));
  if (lacking !== undefined) {
    throw refuse(`has ${called} without ${lacking} in authMechanismProperties`, 'authMechanismProperties');
  }
  if (rule.source !== null && given.get('authsource') !== rule.source) {
    throw refuse(`has ${called} without authSource=${rule.source}`, 'authSource');
  }
}
