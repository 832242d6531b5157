/** Answers as the service documents them, which an emulator never gives. */
import { describe, expect, test } from 'vitest';
import { isBucketMissing, isThrottling, refused } from './refusal.ts';

const asked = {
  action: 'write',
  key: 'manifest/1.json',
  bucket: 'acme',
  endpoint: 'https://storage.googleapis.com',
} as const;
const json = (code: number, reason: string, message: string): { status: number; text: string } => ({
  status: code,
  text: JSON.stringify(
    { error: { code, message, errors: [{ domain: 'global', reason, message }] } },
    null,
    2,
  ),
});

describe('what Google Cloud Storage refuses with', () => {
  test.each([
    [
      json(
        403,
        'forbidden',
        "waybill@acme.iam.gserviceaccount.com does not have storage.objects.create access to the Google Cloud Storage object. Permission 'storage.objects.create' denied on resource (or it may not exist).",
      ),
      { code: 'BUCKET_ACCESS_DENIED', hint: 'storage.objects.create' },
    ],
    [json(401, 'authError', 'Invalid Credentials'), { code: 'BUCKET_ACCESS_DENIED', hint: 'revoked' }],
    [
      json(400, 'required', 'Bucket is a requester pays bucket but no user project provided.'),
      { code: 'BUCKET_ACCESS_DENIED', hint: '--bucket-user-project' },
    ],
    [
      json(
        403,
        'forbidden',
        'Permission denied on Cloud KMS key. Please ensure that your Cloud Storage service account has been authorized to use this key.',
      ),
      { code: 'BUCKET_ACCESS_DENIED', hint: 'cryptoKeyEncrypterDecrypter' },
    ],
    [
      json(
        403,
        'retentionPolicyNotMet',
        "Object 'acme/k' is subject to bucket's retention policy and cannot be deleted or overwritten until 2027-01-01T00:00:00Z",
      ),
      { code: 'BUCKET_ACCESS_DENIED', hint: 'retention policy' },
    ],
    [
      json(404, 'notFound', 'The specified bucket does not exist.'),
      { code: 'BUCKET_MISSING', hint: 'Create it' },
    ],
    [
      json(400, 'invalid', `Provided CRC32C "AAAAAA==" doesn't match calculated CRC32C "n03x6A==".`),
      { code: 'BUCKET_UNAVAILABLE', kind: 'transient' },
    ],
    [json(400, 'invalid', 'Invalid argument.'), { code: 'BUCKET_UNAVAILABLE', kind: 'failed' }],
    [
      json(408, 'uploadBrokenConnection', 'Request Timeout'),
      { code: 'BUCKET_UNAVAILABLE', kind: 'transient' },
    ],
    [json(502, 'backendError', 'Backend Error'), { code: 'BUCKET_UNAVAILABLE', kind: 'transient' }],
  ])('%j', (refusal, { hint = '', ...expected }: { code: string; hint?: string; kind?: string }) => {
    const error = refused(refusal, asked);
    expect(error).toMatchObject(expected);
    expect(error.hint ?? '').toContain(hint);
    expect(error.message).not.toContain('gserviceaccount');
  });

  test('asks for fewer requests by three answers', () => {
    for (const refusal of [
      json(429, 'rateLimitExceeded', 'The object exceeded the rate limit for object mutation operations.'),
      json(503, 'backendError', 'Service Unavailable'),
      json(403, 'userRateLimitExceeded', 'Rate Limit Exceeded'),
    ]) {
      const error = refused(refusal, asked);
      expect(error.kind).toBe('transient');
      expect(isThrottling(error)).toBe(true);
    }
    expect(
      isThrottling(refused(json(500, 'internalError', 'We encountered an internal error.'), asked)),
    ).toBe(false);
  });

  test('a missing object is not a missing bucket', () => {
    expect(isBucketMissing({ status: 404, text: 'No such object: acme/manifest/1.json' })).toBe(false);
    expect(isBucketMissing({ status: 404, text: 'The specified bucket does not exist.' })).toBe(true);
  });
});
