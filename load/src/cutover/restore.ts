/**
 * What the load held back, given back at cutover: unique, hidden and expiring indexes in the
 * source's own terms, indexes that waited for that, and the expiry of clustered collections.
 *
 * Works from what stands on the target and what the registry says is wanted, so it can be run again
 * after a kill at any point, and again after what was in the way has been removed. It writes no
 * progress and takes no ownership: a load may still follow its stream, which has nothing new once
 * it is drained. Should there be something new after all, the load holds the indexes back again
 * that were marked here before they were touched.
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
   * Other collections stay as they are: the stream may leave out more by now.
   * Default: all that the load made.
   */
  readonly filter?: NamespaceFilter | undefined;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const ALL_KINDS: readonly RestoreKind[] = ['unique', 'hidden', 'ttl'];
/** For writes, of which there are none here. */
const MAX_WRITE_MS = 60_000;

/** @throws the target's errors; what an index is refused for is reported and not thrown */
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
 * Builds what is missing, as non-unique and without expiry, so that it can be proven with
 * everything else. What is refused is as little to be had now as it was for the load. @throws the
 * target's errors
 */
export async function buildMissing(settings: RestoreSettings, deps: RestoreDeps): Promise<RestoreReport[]> {
  const reports: RestoreReport[] = [];
  for (const work of await collectionsOf(settings, deps)) reports.push(...(await work.buildMissing()));
  return reports;
}

/**
 * What stands in the way of unique indexes, found without making any: as long as the target may get
 * further changes, a value that goes from one document to another is in both for a moment. Nothing
 * is found before 6.0, where only making one tells.
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
    .filter(({ type, namespace }) => type === 'collection' && (deps.filter?.matches(namespace) ?? true))
    .map(
      (record) =>
        new CollectionRestore(record, { ...deps, target, tag, kinds: new Set(kinds), cappedExpires }),
    );
}
