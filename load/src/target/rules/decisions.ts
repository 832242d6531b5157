/** How a load goes about its target, one thing each, and what that was decided by. */

/**
 * option: somebody said so. server: the server says so of itself. host: its host name says so.
 * profile: known of this kind. version: known of this version. probe: tried out on the target.
 * learnt: met while loading. default: nothing says otherwise.
 */
export type DecidedBy = 'option' | 'server' | 'host' | 'profile' | 'version' | 'probe' | 'learnt' | 'default';

export interface Decision {
  readonly name: string;
  readonly value: boolean | number | string;
  readonly by: DecidedBy;
  /** The target's words, where it did not simply answer. */
  readonly note: string | null;
}
