/** How the services that speak S3 differ, where it matters to us. */

export interface Dialect {
  /**
   * The header of a put-if-absent. Alibaba's OSS answers 501 to `If-None-Match` and Tencent's COS
   * passes over it; each has a header of its own, which holds for a bucket without versions (the
   * probe finds out).
   */
  readonly absence: readonly [name: string, value: string];
  /**
   * What proves a body on its way. AWS: CRC32, kept with the object, and checked over the whole of
   * a multipart upload. Others: Content-MD5, which every one of them has checked from the
   * beginning, while their support of the newer checksums goes from none over an error to silently
   * ignoring them.
   */
  readonly checksum: 'crc32' | 'md5';
}

const IF_NONE_MATCH = ['if-none-match', '*'] as const;

export const AWS: Dialect = { absence: IF_NONE_MATCH, checksum: 'crc32' };
export const OTHER: Dialect = { absence: IF_NONE_MATCH, checksum: 'md5' };
export const OSS: Dialect = { absence: ['x-oss-forbid-overwrite', 'true'], checksum: 'md5' };
export const COS: Dialect = { absence: ['x-cos-forbid-overwrite', 'true'], checksum: 'md5' };

/**
 * By the `Server` header of any answer, or by the host that was asked, for a proxy may have taken
 * the header away.
 */
export function dialectOf(server: string | undefined, host: string): Dialect {
  if (server === 'AliyunOSS' || /\.aliyuncs\.com(\.cn)?$/.test(host)) return OSS;
  if (server === 'tencent-cos' || /\.(myqcloud|tencentcos)\.(com|cn)$/.test(host)) return COS;
  if (server === 'AmazonS3' || /\.amazonaws\.com(\.cn)?$/.test(host)) return AWS;
  return OTHER;
}
