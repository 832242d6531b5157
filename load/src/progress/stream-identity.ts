import type { StreamIdentity } from '@waybill/shared/manifest/commit';

/**
 * Tells streams apart, also one that was made anew under an old name. A load's progress belongs to
 * it.
 */
export function streamIdentityText({ source, stream, createdAt }: StreamIdentity): string {
  return `${source}/${stream}/${createdAt}`;
}
