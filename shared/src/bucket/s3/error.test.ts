import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../base/error-codes.ts';
import { hasCode, WaybillError } from '../../base/errors.ts';
import { isConflict, isTaken, isThrottling, s3Error } from './error.ts';

/** As the SDK makes them of an answer. */
function answered(name: string, httpStatusCode: number, more: object = {}): Error {
  return Object.assign(new Error('text of the service'), {
    name,
    Code: name,
    $metadata: { httpStatusCode, requestId: 'ABC123' },
    ...more,
  });
}
const PLACE = { bucket: 'acme', endpoint: 'https://minio.example:9000' };
const network = (code: string): Error => Object.assign(new Error(code), { code });
const mapped = (error: unknown): WaybillError => s3Error(error, 'read', 'a/b', PLACE) as WaybillError;

describe('an error of S3', () => {
  test.each([
    'AccessDenied',
    'NoSuchBucket',
    'InternalError',
    'CredentialsProviderError',
    'PermanentRedirect',
    'NotImplemented',
  ])('%s names bucket and endpoint, and no object of the probe', (name) => {
    const error = s3Error(answered(name, 400), 'write', '.waybill-probe-1-plain', PLACE) as WaybillError;
    expect(error.message).toContain('acme at https://minio.example:9000');
    expect(error.message).not.toContain('waybill-probe');
    expect(error.hint).toBeTruthy();
  });

  test('missing credentials are called so', () => {
    expect(mapped(network('CredentialsProviderError'))).toMatchObject({
      code: 'BUCKET_ACCESS_DENIED',
      message: expect.stringContaining('there are no credentials'),
      hint: expect.stringContaining('AWS_ACCESS_KEY_ID'),
    });
  });

  test.each<[string, number, ErrorCode, RegExp]>([
    ['NoSuchBucket', 404, 'BUCKET_MISSING', /--bucket/],
    ['NoSuchKey', 404, 'BUCKET_OBJECT_MISSING', /a\/b/],
    ['NotFound', 404, 'BUCKET_OBJECT_MISSING', /a\/b/],
    ['AccessDenied', 403, 'BUCKET_ACCESS_DENIED', /list the bucket/],
    ['InvalidAccessKeyId', 403, 'BUCKET_ACCESS_DENIED', /access key is not known/],
    ['SignatureDoesNotMatch', 403, 'BUCKET_ACCESS_DENIED', /secret/],
    ['ExpiredToken', 400, 'BUCKET_ACCESS_DENIED', /Renew/],
    ['RequestTimeTooSkewed', 403, 'BUCKET_ACCESS_DENIED', /clock/],
    ['InvalidObjectState', 403, 'BUCKET_ACCESS_DENIED', /archived/],
    ['KMS.DisabledException', 400, 'BUCKET_ACCESS_DENIED', /KMS.DisabledException/],
    ['NotImplemented', 501, 'BUCKET_FEATURE_MISSING', /cannot/],
    ['MethodNotAllowed', 405, 'BUCKET_FEATURE_MISSING', /cannot/],
    ['KeyTooLongError', 400, 'BUCKET_KEY_INVALID', /long/],
    ['InvalidArgument', 400, 'BUCKET_UNAVAILABLE', /InvalidArgument, 400/],
  ])('%s, %i is %s', (name, status, code, words) => {
    const error = mapped(answered(name, status));
    expect(error.code).toBe(code);
    expect(error.kind).not.toBe('transient');
    expect(`${error.message} ${error.hint}`).toMatch(words);
  });

  test('of another region names it', () => {
    const redirected = answered('PermanentRedirect', 301, {
      $response: { headers: { 'x-amz-bucket-region': 'eu-west-3' } },
    });
    const malformed = answered('AuthorizationHeaderMalformed', 400, { Region: 'eu-west-3' });
    for (const error of [redirected, malformed]) {
      expect(mapped(error).code).toBe('BUCKET_ACCESS_DENIED');
      expect(mapped(error).hint).toContain('--bucket-region eu-west-3');
    }
  });

  test.each([
    answered('SlowDown', 503),
    answered('InternalError', 500),
    answered('TooManyRequests', 429),
    answered('RequestTimeout', 400),
    answered('BadDigest', 400),
    answered('NoSuchUpload', 404),
    ...['ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN'].map(network),
    Object.assign(new Error('no bytes'), { name: 'TimeoutError' }),
    new Error('aborted'),
  ])('that may pass is transient: %s', (error) => {
    expect(mapped(error)).toMatchObject({ code: 'BUCKET_UNAVAILABLE', kind: 'transient' });
  });

  test('of a certificate does not pass by waiting', () => {
    for (const code of [
      'SELF_SIGNED_CERT_IN_CHAIN',
      'CERT_HAS_EXPIRED',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'EPROTO',
    ]) {
      const error = mapped(network(code));
      expect(error).toMatchObject({ code: 'BUCKET_UNAVAILABLE', kind: 'failed' });
      expect(error.hint).toContain('--bucket-ca-file');
    }
  });

  test('shows nothing of the answer but its name, status and request id', () => {
    const error = mapped(
      answered('SignatureDoesNotMatch', 403, {
        StringToSign: 'AWS4-HMAC-SHA256 secret-1',
        CanonicalRequest: 'x-amz-security-token:secret-2',
        AWSAccessKeyId: 'secret-3',
        message: 'secret-4',
      }),
    );
    const shown = JSON.stringify([error.message, error.hint, error.context, error.cause, error.stack]);
    expect(shown).not.toContain('secret-');
    expect(error.context).toEqual({
      ...PLACE,
      key: 'a/b',
      error: 'SignatureDoesNotMatch',
      status: 403,
      requestId: 'ABC123',
    });
    const odd = mapped(Object.assign(new Error(), { Code: 'has a space and secret-5', $metadata: {} }));
    expect(JSON.stringify([odd.message, odd.context])).not.toContain('secret-5');
  });

  test('that is ours already passes', () => {
    const ours = new WaybillError('INTERRUPTED', 'enough');
    expect(s3Error(ours, 'write', 'k', PLACE)).toBe(ours);
    expect(hasCode(ours, 'INTERRUPTED')).toBe(true);
  });

  test('tells a key that is taken from one that is being put', () => {
    expect(isTaken(answered('PreconditionFailed', 412))).toBe(true);
    expect(isTaken(answered('FileAlreadyExists', 409))).toBe(true);
    expect(isTaken(answered('ConditionalRequestConflict', 409))).toBe(false);
    expect(isConflict(answered('ConditionalRequestConflict', 409))).toBe(true);
    expect(isConflict(answered('OperationAborted', 409))).toBe(true);
    expect(isTaken(answered('InternalError', 500))).toBe(false);
  });

  test('that asks for fewer requests is told from others', () => {
    expect(isThrottling(answered('SlowDown', 503))).toBe(true);
    expect(isThrottling(answered('RequestLimitExceeded', 400))).toBe(true);
    expect(isThrottling(answered('Unknown', 429))).toBe(true);
    expect(isThrottling(answered('InternalError', 500))).toBe(false);
    expect(isThrottling(network('ECONNRESET'))).toBe(false);
  });
});
