/**
 * Explains what a driver throws while it connects, if the general table (classify.ts) would know
 * less. A driver looks up names and reads files before it is asked for anything. If the topology
 * does not fit, it says only that time is up.
 */
import type { MongoClient } from 'mongodb';
import { type ErrorDetails, WaybillError } from '../../base/errors.ts';
import { type Attempted, classifyMongoError, serverText } from './classify.ts';

/** What the driver heard from the servers, also from those that it did not take. */
export class Heard {
  /** The name that a member gave its replica set. */
  setName: string | undefined;
  /** Why the last attempt to reach a server failed. */
  failure: Error | undefined;

  constructor(client: MongoClient) {
    client.on('serverHeartbeatSucceeded', ({ reply }) => {
      if (typeof reply.setName === 'string') this.setName = reply.setName;
    });
    client.on('serverHeartbeatFailed', ({ failure }) => {
      this.failure = failure;
    });
  }
}

export function connectError(
  error: unknown,
  attempted: Attempted,
  heard: Heard,
  wantedSet: string | undefined,
): WaybillError {
  if (!(error instanceof Error) || error instanceof WaybillError) return classifyMongoError(error, attempted);
  const where = `the ${attempted.role} ${attempted.url}`;
  const fault = error as NodeJS.ErrnoException & { readonly hostname?: string };
  if (fault.syscall?.startsWith('query')) return noRecord(fault, where);
  if (fault.syscall === 'open' || fault.syscall === 'read') {
    return new WaybillError(
      'CONFIG_UNREADABLE',
      `a file that the connection string of ${where} names cannot be read: ${fault.path ?? 'unknown'} (${fault.code})`,
      {
        hint: 'Check tlsCAFile, tlsCertificateKeyFile and tlsCRLFile in it, and that this user may read them.',
      },
    );
  }
  if (error.name === 'MongoServerSelectionError') {
    const { setName } = heard;
    if (wantedSet !== undefined && setName !== undefined && setName !== wantedSet) {
      return new WaybillError(
        'MONGO_URI_INVALID',
        `the replica set at ${where} is called ${setName}, and not ${wantedSet}`,
        { hint: `Write replicaSet=${setName} in the connection string.` },
      );
    }
    return unreachable(error, heard.failure, attempted);
  }
  if (/^(MongoParseError|MongoInvalidArgumentError|MongoAPIError)$/.test(error.name)) {
    return new WaybillError(
      'MONGO_URI_INVALID',
      `the connection string of ${where} is not valid: ${serverText(error.message)}`,
      {
        hint: 'Check its options; those of a mongodb+srv name stand in a TXT record, too.',
      },
    );
  }
  if (isAboutTls(fault)) return unreachable(error, error, attempted);
  return classifyMongoError(error, attempted);
}

/** `mongodb+srv` begins with DNS, whose errors are those of Node's resolver. */
function noRecord(
  { code = '', hostname = '', syscall }: NodeJS.ErrnoException & { hostname?: string },
  where: string,
) {
  const record = syscall === 'queryTxt' ? 'TXT' : 'SRV';
  const isMissing = code === 'ENOTFOUND' || code === 'ENODATA';
  const details: ErrorDetails = {
    hint: isMissing
      ? 'Check the name behind mongodb+srv://. It is that of a cluster and not of a server: for a server write mongodb:// and its port.'
      : 'Check the name server of this machine and the network, or write mongodb:// with the hosts.',
    context: { hostname, error: code },
  };
  const what = isMissing
    ? `there is no ${record} record of ${hostname} in DNS`
    : `DNS did not answer for ${hostname}`;
  return new WaybillError('MONGO_UNREACHABLE', `no server is known for ${where}: ${what} (${code})`, details);
}

/** An OpenSSL error: a thread, a number, the library, a function, the reason, a file and a line. */
const OPENSSL = /^[0-9A-F]+:error:[0-9A-F]+:([^:]*):[^:]*:([^:]+):.*$/is;

/**
 * Hints by the codes and words of Node's TLS, and by what shows if only one of the two ends speaks
 * TLS.
 */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /unable to (?:verify|get)|self.signed|CERT_|certificate/i,
    'The certificate is not trusted, or is for another name. Give tlsCAFile=/path/ca.pem in the connection string, and the host as the certificate has it.',
  ],
  [
    /wrong version number|packet length too long|EPROTO|SSL routines/i,
    'The server does not speak TLS there: check the port, or leave tls=true out.',
  ],
  [
    /\bclosed\b|ECONNRESET|socket hang up/i,
    'Something answers there and hangs up: another service, or a server that wants TLS. Check the port, or add tls=true.',
  ],
  [
    /Invalid message size|BSON|maxMessageSize|unexpected/i,
    'What answers there is no MongoDB server: check host and port.',
  ],
];

function isAboutTls({ code = '' }: NodeJS.ErrnoException): boolean {
  return /^(ERR_OSSL|ERR_SSL|ERR_TLS|ERR_CRYPTO|CERT_|SELF_SIGNED|UNABLE_TO|DEPTH_ZERO)/.test(code);
}

function unreachable(error: Error, failure: Error | undefined, attempted: Attempted): WaybillError {
  // The failure itself says more than that time is up.
  const cause = /timed out after/.test(error.message) && failure ? failure : error;
  const text = serverText(cause.message.replace(OPENSSL, '$1: $2'));
  const classified = classifyMongoError(cause, attempted);
  const hint = HINTS.find(([words]) => words.test(text))?.[1] ?? classified.hint;
  return new WaybillError(
    'MONGO_UNREACHABLE',
    `no usable server answered at the ${attempted.role} ${attempted.url}: ${text}`,
    {
      hint,
      cause: classified.cause,
    },
  );
}
