import type { StreamIdentity } from '@waybill/shared/manifest/commit';

/**
 * Tells streams apart, also one that was made anew under an old name: what a load's progress
 * belongs to.
 */
export function streamIdentityText({ source, stream, createdAt }: StreamIdentity): string {
  return `${source}/${stream}/${createdAt}`;
}
