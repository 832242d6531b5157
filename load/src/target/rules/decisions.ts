/** How a load goes about its target, one thing each, and what that was decided by. */

/**
 * option: somebody said so. profile: known of this kind. version: known of this version. server:
 * the server says so in its hello. probe: tried out on the target. learnt: met while loading.
 */
export type DecidedBy = 'option' | 'profile' | 'version' | 'server' | 'probe' | 'learnt';

export interface Decision {
  readonly name: string;
  readonly value: boolean | number | string;
  readonly by: DecidedBy;
  /** The target's words, where it did not simply answer. */
  readonly note: string | null;
}
