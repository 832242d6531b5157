import { expect, test } from 'vitest';
import { hasCode } from '../base/errors.ts';
import { parseStoreUrl } from './store-url.ts';

test.each([
  ['s3://bucket', 'bucket', '', 's3://bucket/'],
  ['s3://bucket/', 'bucket', '', 's3://bucket/'],
  ['s3://bucket/a/b', 'bucket', 'a/b/', 's3://bucket/a/b'],
  ['s3://bucket/a/b/', 'bucket', 'a/b/', 's3://bucket/a/b'],
  ['S3://my.bucket-1/50%/c?#', 'my.bucket-1', '50%/c?#/', 's3://my.bucket-1/50%/c?#'],
])('%s', (given, bucket, prefix, url) => {
  expect(parseStoreUrl(given, 's3')).toEqual({ bucket, prefix, url });
});

test.each([
  's3://',
  's3:///p',
  's3://B/p',
  's3://ab',
  's3://a b/p',
  's3://bucket//p',
  's3://bucket/a/../b',
  's3:bucket',
])('refuses %s', (url) => {
  expect(() => parseStoreUrl(url, 's3')).toThrow(expect.objectContaining({ code: 'BUCKET_URL_INVALID' }));
});

test('does not repeat a password that somebody put there', () => {
  try {
    parseStoreUrl('s3://key:hunter2@bucket/p', 's3');
    expect.unreachable();
  } catch (error) {
    expect(hasCode(error, 'BUCKET_URL_INVALID')).toBe(true);
    expect(JSON.stringify(error) + (error as Error).stack).not.toContain('hunter2');
  }
});
