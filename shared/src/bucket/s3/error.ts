/**
 * What the SDK throws, as the bucket's contract names it. The error itself goes no further: a
 * service's answer may quote the request, and with it a session token. Its name, status and request
 * id do.
 */

import type { ErrorCode } from '../../base/error-codes.ts';
import { type ErrorContext, WaybillError } from '../../base/errors.ts';
import { keyInvalid, shownKey } from '../key.ts';

type S3Action = 'write' | 'read' | 'list' | 'delete' | 'look for';

/** Where it was asked for, for people. */
export interface S3Place {
  readonly bucket: string;
  /** Scheme and host. */
  readonly endpoint: string;
}

/** The parts of an SDK error that may be shown. */
interface S3Fault {
  /** `NoSuchKey`, `ECONNRESET`, … */
  readonly name: string;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  /** The region that the bucket is in, where the store says so. */
  readonly region: string | undefined;
}

export function faultOf(error: unknown): S3Fault {
  const raw = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  const metadata = (raw.$metadata ?? {}) as Record<string, unknown>;
  const response = (raw.$response ?? {}) as { headers?: Record<string, string> };
  const status = metadata.httpStatusCode;
  const region = response.headers?.['x-amz-bucket-region'] ?? raw.Region;
  return {
    name: word(raw.Code) ?? word(raw.code) ?? word(raw.name) ?? 'unknown error',
    status: typeof status === 'number' ? status : undefined,
    requestId: word(metadata.requestId),
    region: word(region),
  };
}

/** Names are short words; anything else is not shown. */
function word(value: unknown): string | undefined {
  return typeof value === 'string' && /^[A-Za-z0-9_.:/=+-]{1,80}$/.test(value) ? value : undefined;
}

const THROTTLING = new Set([
  ...[
    'SlowDown',
    'RequestLimitExceeded',
    'TooManyRequests',
    'TooManyRequestsException',
    'BandwidthLimitExceeded',
  ],
  ...[
    'Throttling',
    'ThrottlingException',
    'ThrottledException',
    'RequestThrottled',
    'RequestThrottledException',
  ],
  ...['SlowDownRead', 'SlowDownWrite', 'QpsLimitExceeded', 'RequestRateTooLarge', 'ServiceUnavailable'],
]);

/** The store asks for fewer requests. */
export function isThrottling(error: unknown): boolean {
  const { name, status } = faultOf(error);
  return status === 429 || status === 503 || THROTTLING.has(name);
}

/** Damage or delay on the way: the same request may succeed. */
const PASSING = new Set([
  ...[
    'RequestTimeout',
    'RequestTimeoutException',
    'TimeoutError',
    'BadDigest',
    'InvalidDigest',
    'IncompleteBody',
  ],
  ...['XAmzContentSHA256Mismatch', 'XAmzContentChecksumMismatch', 'OperationAborted', 'InternalError'],
  ...['ConditionalRequestConflict', 'NoSuchUpload', 'InvalidPart', 'InvalidPartOrder'],
  ...['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['ENOTFOUND', 'EAI_AGAIN', 'ERR_STREAM_PREMATURE_CLOSE', 'EHOSTDOWN', 'ENETDOWN'],
]);
const DENIED: Readonly<Record<string, string>> = {
  InvalidAccessKeyId:
    'The access key is not known there. Check the credentials in the environment or the profile.',
  SignatureDoesNotMatch:
    'The secret does not belong to the access key, or a proxy changes the requests. Check the credentials.',
  ExpiredToken: 'The session has ended. Renew the credentials, then run the same command again.',
  ExpiredTokenException: 'The session has ended. Renew the credentials, then run the same command again.',
  TokenRefreshRequired: 'The session has ended. Renew the credentials, then run the same command again.',
  InvalidToken: 'The session token is not right. Renew the credentials.',
  RequestTimeTooSkewed: "This machine's clock is wrong by more than a quarter of an hour. Set it.",
  InvalidObjectState:
    'The object is archived. Restore it in the store, and keep segments out of archive classes.',
  CredentialsProviderError:
    'No credentials were found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or run with a role.',
};
/** Also where a profile, a role or a token file is named that is not there. */
const NO_CREDENTIALS = new Set(['CredentialsProviderError', 'TokenProviderError']);
const WRONG_REGION = new Set([
  ...['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException'],
  ...['TemporaryRedirect', 'Redirect', 'BucketRegionError'],
]);
/** Names of Node's TLS errors, not complete: the others end as unavailable, with their name. */
const TLS = /CERT|SELF_SIGNED|ERR_TLS|ERR_SSL|UNABLE_TO_(GET|VERIFY)|^EPROTO$/;

/** An error of ours, or an abort, passes as it is. */
export function s3Error(error: unknown, action: S3Action, key: string, place: S3Place): unknown {
  if (error instanceof WaybillError) return error;
  const fault = faultOf(error);
  const { name, status } = fault;
  const { bucket, endpoint } = place;
  const where = `bucket ${bucket} at ${endpoint}`;
  const what = `${action} ${shownKey(key)}`;
  const context = { key, bucket, endpoint, error: name, status, requestId: fault.requestId };
  const make = (code: ErrorCode, message: string, hint?: string) =>
    new WaybillError(code, message, { hint, context });
  const said = status === undefined ? name : `${name}, ${status}`;
  if (name === 'NoSuchBucket') {
    return make('BUCKET_MISSING', `there is no bucket ${bucket} at ${endpoint}`, NO_BUCKET_HINT);
  }
  if (name === 'KeyTooLongError') return keyInvalid(key, 'the store finds it too long');
  if (name === 'NoSuchKey' || (status === 404 && name === 'NotFound' && action !== 'write')) {
    return make('BUCKET_OBJECT_MISSING', `there is no object ${key}`);
  }
  if (status === 301 || status === 307 || WRONG_REGION.has(name)) {
    const region = fault.region ? `--bucket-region ${fault.region}` : '--bucket-region with its region';
    return make('BUCKET_ACCESS_DENIED', `${where} is in another region (${said})`, `Give ${region}.`);
  }
  if (status === 501 || status === 405 || name === 'NotImplemented') {
    return make(
      'BUCKET_FEATURE_MISSING',
      `${where} cannot ${what} in the way that is needed (${said})`,
      'The endpoint may not be that of an S3 service, or an older one: check --bucket-endpoint.',
    );
  }
  if (NO_CREDENTIALS.has(name)) {
    return make(
      'BUCKET_ACCESS_DENIED',
      `there are no credentials for bucket ${bucket} at ${endpoint} (${name})`,
      DENIED.CredentialsProviderError,
    );
  }
  const denied = DENIED[name];
  if (denied || status === 401 || status === 403 || name.startsWith('KMS.')) {
    return make(
      'BUCKET_ACCESS_DENIED',
      `${where} does not allow to ${what} (${said})`,
      denied ?? RIGHTS_HINT,
    );
  }
  return unavailable(error, fault, `${where} failed to ${what} (${said})`, context);
}

/** The store was not reached, or failed in its work. */
function unavailable(error: unknown, fault: S3Fault, message: string, context: ErrorContext): WaybillError {
  const { name, status } = fault;
  if (TLS.test(name)) {
    const what = `${context.endpoint} is not trusted, or does not speak TLS (${name})`;
    return new WaybillError('BUCKET_UNAVAILABLE', what, {
      hint: 'Check --bucket-endpoint; for a private certificate authority give --bucket-ca-file.',
      kind: 'failed',
      context,
    });
  }
  const passes = isThrottling(error) || PASSING.has(name) || status === 408 || (status ?? 0) >= 500;
  return new WaybillError('BUCKET_UNAVAILABLE', message, {
    hint:
      name === 'ENOTFOUND' || name === 'ECONNREFUSED'
        ? 'Check --bucket-endpoint, --bucket-region and the network, then run the same command again.'
        : 'Check the network and the state of the store, then run the same command again.',
    kind: passes || isTruncation(error) ? 'transient' : 'failed',
    context,
  });
}

const NO_BUCKET_HINT = 'Create it, or check --bucket, --bucket-endpoint and --bucket-region.';
const RIGHTS_HINT =
  'Check the credentials, and that they may list the bucket, and get, put and delete its objects: docs/buckets.md has a policy.';

/** Node's own words for an answer that ends too early. */
function isTruncation(error: unknown): boolean {
  return error instanceof Error && (error.message === 'aborted' || error.message === 'terminated');
}

/**
 * A conditional put was refused because the key is taken. Vendors answer 409 to a header of their
 * own.
 */
export function isTaken(error: unknown): boolean {
  const { name, status } = faultOf(error);
  return status === 412 || name === 'PreconditionFailed' || (status === 409 && !isConflict(error));
}

/** Another conditional put of the key is under way: neither has won yet. */
export function isConflict(error: unknown): boolean {
  const { name, status } = faultOf(error);
  return name === 'ConditionalRequestConflict' || (status === 409 && name === 'OperationAborted');
}
