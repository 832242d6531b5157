/** Answers of Google Cloud Storage that are no success, as the bucket's contract names them. */
import { WaybillError } from '../../base/errors.ts';
import { shownKey } from '../key.ts';
import { type Asked, brokenAnswer, bucketMissing, type Context, denied, unavailable } from './error.ts';

export interface Refusal {
  readonly status: number;
  readonly text: string;
}

/** Asked too much: the limiter cuts, and the request is repeated later. */
const THROTTLING = new Set([429, 503]);
const RATE_REASONS = new Set(['rateLimitExceeded', 'userRateLimitExceeded']);

export function isThrottling(error: unknown): boolean {
  return error instanceof WaybillError && error.context.throttled === true;
}

/**
 * Whether a 404 is about the bucket. Where the answer does not say (an emulator, say), it is taken
 * to be the object.
 */
export function isBucketMissing({ status, text }: Refusal): boolean {
  return status === 404 && /bucket does not exist|NoSuchBucket/i.test(text);
}

/**
 * An answer that is no success. Those that a call expects (404, 412, 416) it has looked at before.
 */
export function refused(refusal: Refusal, asked: Asked): WaybillError {
  const { status, text } = refusal;
  const { action, key, bucket, endpoint } = asked;
  const reason = reasonOf(text);
  const permission = /\b(?:storage|cloudkms|serviceusage)\.[a-z]+\.[a-zA-Z]+\b/.exec(text)?.[0];
  const context = { key, bucket, endpoint, status, reason, permission };
  if (THROTTLING.has(status) || (status === 403 && RATE_REASONS.has(reason ?? ''))) {
    return unavailable(`asks for fewer requests (${status})`, asked, {
      context: { ...context, throttled: true },
    });
  }
  if (status >= 500 || status === 408 || status === 409)
    return unavailable(`failed to ${action} (${status})`, asked, { context });
  if (status === 404) return bucketMissing(asked);
  if (status === 400 && /user project|requester pays|UserProjectMissing/i.test(text)) {
    return denied(
      `bucket ${bucket} is a requester-pays bucket: a request must say which project pays`,
      context,
      {
        hint: 'Give --bucket-user-project the id of a project whose account may be billed.',
      },
    );
  }
  if (status === 400 && /crc32c/i.test(text) && /match/i.test(text))
    return brokenAnswer('it was damaged on its way', asked);
  if (status === 401) {
    return denied(`bucket ${bucket} at ${endpoint} does not accept the credentials (401)`, context, {
      hint: 'They may be revoked, or belong to another environment. Make new ones, or check GOOGLE_APPLICATION_CREDENTIALS.',
    });
  }
  if (status === 403) return forbidden(text, asked, permission, context);
  return new WaybillError(
    'BUCKET_UNAVAILABLE',
    `bucket ${bucket} at ${endpoint} refused to ${action} ${shownKey(key)} (${status}${reason ? ` ${reason}` : ''})`,
    {
      kind: 'failed',
      hint: 'Check --bucket-kms-key, --bucket-storage-class, --bucket-user-project and --bucket-endpoint.',
      context,
    },
  );
}

function forbidden(
  text: string,
  { action, key, bucket, endpoint }: Asked,
  permission: string | undefined,
  context: Context,
): WaybillError {
  const hint = /retention|object hold|under active/i.test(text)
    ? 'A retention policy or a hold of the bucket keeps the object. Only gc needs to delete there.'
    : /cloudkms|kms/i.test(text)
      ? `Grant the project's Cloud Storage service agent roles/cloudkms.cryptoKeyEncrypterDecrypter on the key.`
      : /serviceusage/i.test(text)
        ? 'Grant serviceusage.services.use on the project of --bucket-user-project.'
        : `Grant the account ${permission ?? `what it needs to ${action}`} on bucket ${bucket}: see docs/buckets.md.`;
  const lacks = permission ? `: the account lacks ${permission}` : '';
  return denied(
    `bucket ${bucket} at ${endpoint} does not allow to ${action} ${shownKey(key)} (403)${lacks}`,
    context,
    { hint },
  );
}

/** The store's own word for it: `forbidden`, `notFound`, `invalid`, or the XML interface's code. */
function reasonOf(text: string): string | undefined {
  const found = /"reason":\s*"([\w.-]{1,64})"/.exec(text) ?? /<Code>([\w.-]{1,64})<\/Code>/.exec(text);
  return found?.[1];
}
