/** What a connection string of a kind of target must say, or must not. */
import { WaybillError } from '@waybill/shared/base/errors';
import { isAtLeast, type ServerInfo } from '@waybill/shared/mongo/driver/server-info';
import { hostsOf, uriDatabase, uriOptions, withUriOptions } from '@waybill/shared/mongo/driver/uri';
import { assertLogin, type LoginRule, type Refuse } from './login.ts';
import { hostNames } from './recognition.ts';

export interface ForcedOption {
  /** As connection strings write it. */
  readonly name: string;
  readonly value: 'true' | 'false';
  /** Servers from this version on take any value. */
  readonly before?: readonly [major: number, minor: number, patch: number];
  /** A connection within this machine may have another value. */
  readonly exceptLocally?: boolean;
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

/** Whose rules, for messages. */
export interface Ruled {
  readonly title: string;
  readonly connection: ConnectionRules;
}

const ALIASES: Readonly<Record<string, readonly string[]>> = { tls: ['tls', 'ssl'] };
const LOCAL = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

/**
 * The connection string with the options that this kind of target needs. User, password and
 * everything else in it stay as they are.
 * @throws MONGO_URI_INVALID, which names the option that says otherwise
 */
export function applyRules(uri: string, { title, connection }: Ruled): string {
  const refuse = refusing(uri, title);
  const given = uriOptions(uri);
  const isLocal = hostNames(hostsOf(uri)).every((host) => LOCAL.test(host));
  const refused = connection.refused.find((name) => given.has(name.toLowerCase()));
  if (refused !== undefined) throw refuse(`has the option ${refused}, which it cannot have`, refused);
  if (connection.hasOneHost) assertOneHost(uri, refuse);
  if (connection.namesDatabase && uriDatabase(uri) === '') {
    throw refuse('names no database: write it after the host, as mongodb://host:443/database', 'database');
  }
  if (connection.logins) assertLogin(uri, connection.logins, isLocal, refuse);
  const missing: Record<string, string> = {};
  for (const option of connection.forced) {
    const said = saidOf(given, option.name);
    if (said === undefined && !(option.exceptLocally && isLocal)) missing[option.name] = option.value;
    const isFree = option.before !== undefined || (option.exceptLocally && isLocal);
    if (said !== undefined && said !== option.value && !isFree) throw contradiction(refuse, option, said);
  }
  return withUriOptions(uri, missing);
}

/**
 * What applyRules could not judge without the server's version.
 * @throws MONGO_URI_INVALID, which names the option
 */
export function assertRulesOfVersion(
  uri: string,
  { title, connection }: Ruled,
  server: Pick<ServerInfo, 'versionArray'>,
): void {
  const given = uriOptions(uri);
  for (const option of connection.forced) {
    const said = saidOf(given, option.name);
    if (!option.before || said === undefined || said === option.value) continue;
    if (!isAtLeast(server, ...option.before)) throw contradiction(refusing(uri, title), option, said);
  }
}

function refusing(uri: string, title: string): Refuse {
  return (what, option) =>
    new WaybillError(
      'MONGO_URI_INVALID',
      `the connection string of the target ${hostsOf(uri)} (${title}) ${what}`,
      {
        hint: 'docs/targets.md has the form of connection strings for each kind of target. If the target is of another kind, give --target-kind.',
        context: { role: 'target', option },
      },
    );
}

function contradiction(refuse: Refuse, { name, value, before }: ForcedOption, said: string): WaybillError {
  const until = before ? ` before version ${before.join('.')}` : '';
  const shown = said === 'true' || said === 'false' ? said : '…';
  return refuse(`says ${name}=${shown}, and it needs ${name}=${value}${until}`, name);
}

function assertOneHost(uri: string, refuse: Refuse): void {
  const url = hostsOf(uri);
  if (url.startsWith('mongodb+srv:')) throw refuse('begins with mongodb+srv, and it needs mongodb://', 'srv');
  if (hostNames(url).length > 1) throw refuse('names several hosts, and it needs one', 'hosts');
}

function saidOf(given: ReadonlyMap<string, string>, name: string): string | undefined {
  const names = ALIASES[name] ?? [name];
  return names.map((each) => given.get(each.toLowerCase())).find((value) => value !== undefined);
}
