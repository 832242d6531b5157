/**
 * Gives back at cutover what the load held back: unique, hidden and expiring indexes as they are on
 * the source, indexes that waited for that, and the expiry of clustered collections.
 *
 * It works from what stands on the target and what the registry wants. So it can run again after a
 * kill at any point, and after what was in the way has been removed. It takes no ownership: a load
 * may still follow its stream, which has nothing new once it is drained. If there is something new
 * after all, the load holds back again the indexes that were marked here before they were touched.
 */
import type { Logger } from '@waybill/shared/base/logger';
import type { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { ownerId } from '../progress/keys.ts';
import { Registry } from '../structure/registry.ts';
import type { Target } from '../target/target.ts';
import { CollectionRestore, type RestoreKind, type RestoreReport } from './collection-restore.ts';

export interface RestoreSettings {
  readonly load: string;
  readonly progressDatabase: string;
  /** Expiry makes the target delete by itself, so a cutover wants it last. Default: all. */
  readonly kinds?: readonly RestoreKind[];
  /** Whether the source's server expires documents of capped collections. Default: it does. */
  readonly cappedExpires?: boolean;
}

export interface RestoreDeps {
  readonly target: Pick<Target, 'forLoad'>;
  /**
   * By the source's names. Other collections stay as they are: the stream may leave out more by
   * now. Default: everything that the load made.
   */
  readonly filter?: NamespaceFilter | undefined;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const ALL_KINDS: readonly RestoreKind[] = ['unique', 'hidden', 'ttl'];
/** For writes of documents: there are none here. */
const MAX_WRITE_MS = 60_000;

/** @throws the target's errors. The refusal of an index is reported and not thrown. */
export async function restoreHeldBack(
  settings: RestoreSettings,
  deps: RestoreDeps,
): Promise<RestoreReport[]> {
  const { kinds = ALL_KINDS } = settings;
  const { logger } = deps;
  const reports: RestoreReport[] = [];
  for (const work of await collectionsOf(settings, deps)) {
    for (const index of work.indexes) {
      const report = await work.restore(index);
      reports.push(report);
      if (report.outcome === 'refused') logger.warn('an index could not be restored', { ...report });
    }
    if (kinds.includes('ttl')) reports.push(...(await work.restoreCollectionExpiry()));
  }
  return reports;
}

/**
 * Builds what is missing, as non-unique and without expiry, so that the proofs cover it too. The
 * target refuses now what it refused the load. @throws the target's errors
 */
export async function buildMissing(settings: RestoreSettings, deps: RestoreDeps): Promise<RestoreReport[]> {
  const reports: RestoreReport[] = [];
  for (const work of await collectionsOf(settings, deps)) reports.push(...(await work.buildMissing()));
  return reports;
}

/**
 * Finds what stands in the way of unique indexes, without making any: while the target may still
 * get changes, a value that moves from one document to another is in both for a moment. Finds
 * nothing before 6.0: there, only making an index tells.
 * @throws the target's errors
 */
export async function findViolations(settings: RestoreSettings, deps: RestoreDeps): Promise<RestoreReport[]> {
  const reports: RestoreReport[] = [];
  for (const work of await collectionsOf(settings, deps)) reports.push(...(await work.violations()));
  return reports;
}

async function collectionsOf(settings: RestoreSettings, deps: RestoreDeps): Promise<CollectionRestore[]> {
  const { load, progressDatabase, kinds = ALL_KINDS, cappedExpires = true } = settings;
  const { signal } = deps;
  const target = await deps.target.forLoad({ progressDatabase, maxWriteMs: MAX_WRITE_MS, signal });
  const [owner] = await target.progress.find(ownerId(load));
  const tag = { load, epoch: Number(owner?.epoch ?? 0) };
  const registry = await Registry.open(target.progress, load);
  return registry
    .all()
    .filter(({ type, source }) => type === 'collection' && (deps.filter?.matches(source) ?? true))
    .map(
      (record) =>
        new CollectionRestore(record, { ...deps, target, tag, kinds: new Set(kinds), cappedExpires }),
    );
}
