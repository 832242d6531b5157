/** What a cutover does if nothing is said. Each name is that of its option. */
export const CUTOVER_DEFAULTS = {
  /** In milliseconds: a wait in which nothing moves for this long is given up. */
  wait: 60_000,
} as const;
