/**
 * Connection strings: the driver parses them, and this file finds the parts that may be shown.
 *
 * A driver takes the text between the first `@` and the next `/`, `?` or `@` for the hosts. If a
 * password holds one of these characters as it is, that text is a piece of the password. The driver
 * would look it up, and it would be shown as a host. So a string in which any piece might belong to
 * user and password is refused before a driver sees it, and no host of it is shown.
 */
import type { MongoClient, MongoClientOptions } from 'mongodb';
import { WaybillError } from '../../base/errors.ts';
import type { Driver } from './driver.ts';

const PARTS = /^(mongodb(?:\+srv)?:\/\/)(?:([^@/?#]*)@)?([^@/?#]*)([/?#][^@]*)?$/is;
/** A name, an address or the path of a socket, with or without a port. */
const HOST = /^(?:\[[0-9a-f:.%]+\]|[^:[\]\s]+)(?::\d{1,5})?$/i;

export interface UriParts {
  readonly scheme: string;
  /** User and password as they stand, percent-encoded; empty if there are none. Never shown. */
  readonly credentials: string;
  readonly hosts: string;
  /** From the slash or question mark on. */
  readonly rest: string;
}

/** Undefined if the parts cannot be told apart. */
export function uriParts(uri: string): UriParts | undefined {
  const match = PARTS.exec(uri);
  if (!match) return undefined;
  const [, scheme = '', credentials = '', hosts = '', rest = ''] = match;
  if (faultOf(credentials) || !hosts.split(',').every((host) => HOST.test(host))) return undefined;
  return { scheme, credentials, hosts, rest };
}

/** By lower-case name: drivers do not mind the case of names. Of a repeated option, the last. */
export function uriOptions(uri: string): ReadonlyMap<string, string> {
  const pairs = queryOf(uriParts(uri)?.rest ?? '').map((pair) => {
    const [name = '', ...value] = pair.split('=');
    return [decoded(name).toLowerCase(), decoded(value.join('='))] as const;
  });
  return new Map(pairs);
}

/** The path without its slash: a database; empty if there is none. */
export function uriDatabase(uri: string): string {
  const [path = ''] = (uriParts(uri)?.rest ?? '').split('?', 1);
  return decoded(path.slice(1));
}

/** The same connection string with further options. Everything else in it stays as it is. */
export function withUriOptions(uri: string, options: Readonly<Record<string, string>>): string {
  const parts = uriParts(uri);
  if (!parts || Object.keys(options).length === 0) return uri;
  const { scheme, credentials, hosts, rest } = parts;
  const [path = ''] = rest.split('?', 1);
  const more = Object.entries(options).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  const query = [...queryOf(rest), ...more].join('&');
  return `${scheme}${credentials === '' ? '' : `${credentials}@`}${hosts}${path === '' ? '/' : path}?${query}`;
}

function queryOf(rest: string): string[] {
  const at = rest.indexOf('?');
  return at < 0
    ? []
    : rest
        .slice(at + 1)
        .split('&')
        .filter((pair) => pair !== '');
}

/** True if a driver would stumble over something in it, or misread it. */
function faultOf(credentials: string): boolean {
  return /:.*:|[[\]\s]|%(?![0-9a-f]{2})/is.test(credentials);
}

/** `mongodb://host1,host2`: no user, password, database or option. */
export function hostsOf(uri: string): string {
  const parts = uriParts(uri);
  return parts ? `${parts.scheme}${parts.hosts}` : '(a connection string that is not valid)';
}

const FORM =
  'It has the form mongodb://user:password@host:27017/?option=value; in user and password, and in the values of options, write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25.';

/**
 * Connects to nothing yet. Throws MONGO_URI_INVALID. It keeps the driver's message only if that
 * cannot quote a secret.
 */
export function parseClient(
  driver: Driver,
  uri: string,
  { role, ...settings }: MongoClientOptions & { readonly role?: string | undefined },
): MongoClient {
  const details = { hint: FORM, context: { role } };
  const parts = uriParts(uri);
  if (!parts) throw new WaybillError('MONGO_URI_INVALID', whatIsWrong(uri), details);
  try {
    return new driver.module.MongoClient(uri, settings);
  } catch (error) {
    const said = error instanceof Error ? error.message : '';
    const quotes = secretsOf(parts).some((secret) => secret !== '' && said.includes(secret));
    throw new WaybillError(
      'MONGO_URI_INVALID',
      `the connection string for ${hostsOf(uri)} is not valid${quotes || said === '' ? '' : `: ${said}`}`,
      details,
    );
  }
}

function whatIsWrong(uri: string): string {
  if (!/^mongodb(\+srv)?:\/\//i.test(uri))
    return 'a connection string begins with mongodb:// or mongodb+srv://';
  const credentials = PARTS.exec(uri)?.[2];
  if (uri.includes('@') && (credentials === undefined || faultOf(credentials))) {
    return 'the connection string is not valid: a special character, in the user or password it seems, is not percent-encoded';
  }
  return 'the connection string is not valid: it names no host, or not in the form name:port';
}

/** The secrets as they stand, and as a driver decodes them. */
function secretsOf({ credentials, rest }: UriParts): string[] {
  const values = queryOf(rest)
    .filter((pair) => /^[^=]*(?:password|properties|token|secret|key)[^=]*=/i.test(pair))
    .map((pair) => pair.slice(pair.indexOf('=') + 1));
  return [credentials, ...credentials.split(':'), ...values].flatMap((each) => [each, decoded(each)]);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
