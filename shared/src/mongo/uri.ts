/** Connection strings: parsing by the driver, and their parts that may be shown. */
import type { MongoClient, MongoClientOptions } from 'mongodb';
import { WaybillError } from '../errors.ts';
import type { Driver } from './driver.ts';

const PARTS = /^(mongodb(?:\+srv)?:\/\/)(?:(.*)@)?([^/?#@]*)(.*)$/is;

export interface UriParts {
  readonly scheme: string;
  /** User and password as they stand, percent-encoded; empty where there are none. Never shown. */
  readonly credentials: string;
  readonly hosts: string;
  /** From the slash or question mark on. */
  readonly rest: string;
}

export function uriParts(uri: string): UriParts | undefined {
  const match = PARTS.exec(uri);
  if (!match) return undefined;
  const [, scheme = '', credentials = '', hosts = '', rest = ''] = match;
  return { scheme, credentials, hosts, rest };
}

/** `mongodb://host1,host2`: no user, password, database or option. */
export function hostsOf(uri: string): string {
  const parts = uriParts(uri);
  return parts ? `${parts.scheme}${parts.hosts}` : '(not a MongoDB connection string)';
}

/** Connects to nothing yet. Throws MONGO_URI_INVALID; the driver's message is kept only where it cannot quote a secret. */
export function parseClient(driver: Driver, uri: string, settings: MongoClientOptions): MongoClient {
  try {
    return new driver.module.MongoClient(uri, settings);
  } catch (error) {
    const said = error instanceof Error ? error.message : '';
    const secrets = [uri, uriParts(uri)?.credentials ?? '', ...(uriParts(uri)?.credentials ?? '').split(':')];
    const quotes = secrets.some((secret) => secret !== '' && said.includes(secret));
    throw new WaybillError(
      'MONGO_URI_INVALID',
      `the connection string for ${hostsOf(uri)} is not valid${quotes || said === '' ? '' : `: ${said}`}`,
      {
        hint: 'It has the form mongodb://user:password@host:27017/?option=value; special characters in user and password are percent-encoded.',
      },
    );
  }
}
