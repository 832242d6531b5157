/**
 * What Google Cloud Storage and the way to it can fail with, as the bucket's contract names it. No
 * text of theirs is repeated but codes and names of permissions: a message may hold a URL with an
 * upload's id, or the request for a token.
 */

import type { ErrorKind } from '../../base/error-codes.ts';
import { WaybillError } from '../../base/errors.ts';
import { shownKey } from '../key.ts';

export interface Asked {
  /** For people: `write`, `read`, … */
  readonly action: 'write' | 'read' | 'list' | 'delete';
  /** The object, or the prefix that is listed. */
  readonly key: string;
  readonly bucket: string;
  /** Scheme and host. */
  readonly endpoint: string;
}

export function missingObject({ key }: Asked): WaybillError {
  return new WaybillError('BUCKET_OBJECT_MISSING', `there is no object ${key}`, { context: { key } });
}

export function objectExists({ key }: Asked): WaybillError {
  return new WaybillError('BUCKET_OBJECT_EXISTS', `there is an object ${key} already`, { context: { key } });
}

/** The bytes or the answer did not arrive as they were sent. The same call may succeed later. */
export function brokenAnswer(what: string, { key, bucket, endpoint }: Asked): WaybillError {
  const message = `bucket ${bucket} at ${endpoint}: ${shownKey(key)}: ${what}`;
  return new WaybillError('BUCKET_UNAVAILABLE', message, {
    hint: 'Check --bucket-endpoint, the proxy settings and the network; then run the same command again.',
    context: { key, bucket, endpoint },
  });
}

export function timedOut(ms: number, asked: Asked): WaybillError {
  return unavailable(`sent and took nothing for ${Math.round(ms / 1000)} s`, asked, {
    hint: 'Check the network to it; --bucket-timeout says how long to wait.',
  });
}

export function bucketMissing({ bucket, endpoint }: Asked): WaybillError {
  return new WaybillError('BUCKET_MISSING', `there is no bucket ${bucket} at ${endpoint}`, {
    hint: 'Create it, or check the name after gs:// and --bucket-endpoint.',
    context: { bucket },
  });
}

export type Context = WaybillError['context'];

export function denied(message: string, context: Context, { hint }: { readonly hint: string }): WaybillError {
  return new WaybillError('BUCKET_ACCESS_DENIED', message, { hint, context });
}

export function unavailable(
  what: string,
  { key, bucket, endpoint }: Asked,
  details: { readonly hint?: string; readonly kind?: ErrorKind; readonly context?: Context } = {},
): WaybillError {
  return new WaybillError(
    'BUCKET_UNAVAILABLE',
    `bucket ${bucket}: Google Cloud Storage at ${endpoint} ${what}`,
    {
      hint: 'Check the network and the service; then run the same command again.',
      ...details,
      context: { key, bucket, endpoint, ...details.context },
    },
  );
}

const UNTRUSTED = /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_|INVALID_CA|HOSTNAME_MISMATCH)/;
const NOT_TLS = /^(EPROTO|ERR_SSL_)/;

/**
 * No answer came. Everything but a certificate may pass by itself; a name that is not found, too.
 */
export function noAnswer(error: unknown, asked: Asked): unknown {
  if (error instanceof WaybillError) return error;
  const code = codeOf(error);
  const context = { error: code };
  if (UNTRUSTED.test(code)) {
    return unavailable(`shows a certificate that is not trusted (${code})`, asked, {
      kind: 'failed',
      hint: 'Give --bucket-ca-file the PEM file of the authority that signed it, or check the name in --bucket-endpoint.',
      context,
    });
  }
  if (NOT_TLS.test(code)) {
    return unavailable(`does not speak TLS as expected (${code})`, asked, {
      kind: 'failed',
      hint: 'Check http:// or https:// and the port in --bucket-endpoint.',
      context,
    });
  }
  return unavailable(`did not answer (${code})`, asked, {
    hint: 'Check the network, the proxy settings and --bucket-endpoint; then run the same command again.',
    context,
  });
}

/** Getting a token failed. */
export function noCredentials(error: unknown, asked: Asked): unknown {
  if (error instanceof WaybillError) return error;
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : '';
  const hint =
    'Set GOOGLE_APPLICATION_CREDENTIALS to a file, run gcloud auth application-default login, or attach a service account to this machine. For an emulator set STORAGE_EMULATOR_HOST.';
  if (/could not load the default credentials/i.test(message)) {
    return denied(`there are no credentials for bucket ${asked.bucket} at ${asked.endpoint}`, {}, { hint });
  }
  // The token's server answered: whoever we say we are, it does not believe it.
  const status = (error as { readonly status?: unknown }).status;
  if (/^E[A-Z_]+$/.test(code) && code !== 'ENOENT' && code !== 'EACCES' && typeof status !== 'number') {
    return unavailable(`cannot be asked: the server that gives out tokens did not answer (${code})`, asked);
  }
  if (typeof status === 'number' && (status >= 500 || status === 429)) {
    return unavailable(`cannot be asked: the server that gives out tokens failed (${status})`, asked);
  }
  return denied(
    `the credentials for bucket ${asked.bucket} at ${asked.endpoint} give no token`,
    {},
    {
      hint,
    },
  );
}

/** The first code of the error and its causes. */
function codeOf(error: unknown): string {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException;
    if (typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code)) return code;
  }
  return error instanceof Error ? error.name : 'unknown';
}
