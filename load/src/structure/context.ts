import type { Logger } from '@waybill/shared/base/logger';
import { DEFAULT_RETRY, type RetryPolicy, retry } from '@waybill/shared/base/retry';
import type { LoadStats } from '@waybill/shared/base/stats';
import type { NameMapping } from '../mapping/name-mapping.ts';
import type { Ownership } from '../progress/ownership.ts';
import type { Takes } from '../settings/load-filter.ts';
import type { LoadSettings } from '../settings/load-settings.ts';
import type { LoadTarget } from '../target/target.ts';
import type { Registry } from './registry.ts';

/** What structure changes on the target need. */
export interface StructureContext {
  readonly target: LoadTarget;
  readonly registry: Registry;
  readonly ownership: Pick<Ownership, 'held' | 'tag'>;
  /** What the load takes of the stream; the registry holds nothing else. */
  readonly takes: Takes;
  /** What is taken, as the target calls it. */
  readonly mapping: NameMapping;
  readonly settings: Pick<LoadSettings, 'allowDrop' | 'ddl' | 'indexes' | 'load'>;
  /** Follow what becomes of their collections. */
  readonly letters: CollectionLetters;
  readonly stats: LoadStats;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Dead letters of collections. */
export interface CollectionLetters {
  /** To be called before the collection is dropped. */
  dropped(namespace: string): Promise<void>;
  /** To be called when the collection has its new name. */
  renamed(from: string, to: string): Promise<void>;
}

/** An index of a collection. */
export interface NamedIndex {
  readonly namespace: string;
  readonly index: string;
}

export interface HoldBackContext extends StructureContext {
  /**
   * Records in the load's log that an index is about to be held back again. The log puts this and
   * the cutover's end into one order. Rejects if the cutover came first; the cutover refuses to end
   * if this did.
   */
  readonly recordHeldBack: (index: NamedIndex) => Promise<void>;
}

/**
 * Reads or writes structure. Repeats it while the target is away, and makes each attempt only while
 * we own the load.
 */
export async function attempt<T>(
  context: Pick<StructureContext, 'ownership' | 'signal'>,
  operation: () => Promise<T>,
  policy: RetryPolicy = DEFAULT_RETRY,
): Promise<T> {
  return retry(
    async () => {
      await context.ownership.held();
      return operation();
    },
    policy,
    { signal: context.signal },
  );
}
