import { expect, test } from 'vitest';
import { AWS, COS, dialectOf, OSS, OTHER } from './dialect.ts';

test.each([
  ['AmazonS3', 'b.s3.eu-central-1.amazonaws.com', AWS],
  [undefined, 'b.s3.cn-north-1.amazonaws.com.cn', AWS],
  ['AmazonS3', '10.0.0.1', AWS],
  ['AliyunOSS', 'files.acme.example', OSS],
  [undefined, 'b.oss-cn-hangzhou.aliyuncs.com', OSS],
  [undefined, 's3.oss-accelerate.aliyuncs.com', OSS],
  ['tencent-cos', 'files.acme.example', COS],
  [undefined, 'b-1250000000.cos.ap-guangzhou.myqcloud.com', COS],
  ['cloudflare', 'acme.r2.cloudflarestorage.com', OTHER],
  ['MinIO', 'minio.example', OTHER],
  [undefined, 'amazonaws.com.evil.example', OTHER],
])('the server %s at %s', (server, host, expected) => {
  expect(dialectOf(server, host)).toBe(expected);
});
