/** What a collection of garbage needs to know. Each name is that of its option. */
export interface GcSettings {
  readonly stream: string;
  /** In milliseconds, by the bucket's clock: nothing younger is deleted. */
  readonly minAge: number;
  /** False: only tells what it would delete. */
  readonly delete: boolean;
}

export const GC_DEFAULTS = {
  stream: 'default',
  minAge: 7 * 24 * 3_600_000,
  delete: false,
} as const satisfies GcSettings;
