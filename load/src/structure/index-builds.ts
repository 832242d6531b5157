/** The build commands of one collection's indexes. */
import { DEFAULT_RETRY, type RetryPolicy } from '@waybill/shared/base/retry';
import { hasServerCode } from '@waybill/shared/mongo/driver/classify';
import { isRefusal, refusalText } from './blocked.ts';
import { attempt, type StructureContext } from './context.ts';
import type { TranslatedIndex } from './index-spec.ts';
import { tellingProgress } from './tell-builds.ts';

/** Gives each build its turn. */
export type Turn = (build: () => Promise<void>) => Promise<void>;
export const AT_ONCE: Turn = (build) => build();

/** Index builds at once: each is one thread of the server, and reads a whole collection. */
export const BUILDS_AT_ONCE = 2;
/** A build may outlast any socket; the repeated command then joins the build that is under way. */
const BUILD_RETRY: RetryPolicy = { ...DEFAULT_RETRY, maxElapsedMs: Number.POSITIVE_INFINITY };

/** The indexes that were not built, by name. */
export interface NotBuilt {
  /** With the target's reason. */
  readonly refused: ReadonlyMap<string, string>;
  /** Somebody ended the build on the target, twice. Another try may succeed. */
  readonly aborted: ReadonlySet<string>;
}

/**
 * One command reads the collection once for all its indexes. A second one works with a second
 * thread, for the price of a second reading. Indexes that the server does not build together, or
 * side by side, are built one by one.
 */
export async function createIndexes(
  context: StructureContext,
  namespace: string,
  wanted: readonly TranslatedIndex[],
  turn: Turn | undefined,
): Promise<NotBuilt> {
  const { target, ownership, signal } = context;
  const build = (some: readonly TranslatedIndex[]): Promise<void> => {
    const specs = some.map(({ heldBack }) => heldBack!);
    const create = () => target.createIndexes(namespace, specs, ownership.tag, signal);
    return tellingProgress(context, namespace, () => attempt(context, create, BUILD_RETRY));
  };
  const sideBySide = turn !== undefined && target.capabilities.buildsIndexesTogether;
  const parts = dealt(wanted, sideBySide ? BUILDS_AT_ONCE : 1);
  const outcomes = await Promise.allSettled(parts.map((part) => (turn ?? AT_ONCE)(() => build(part))));
  const singly: TranslatedIndex[] = [];
  for (const [at, outcome] of outcomes.entries()) {
    if (outcome.status === 'fulfilled') continue;
    if (!isRefusal(outcome.reason)) throw outcome.reason;
    singly.push(...parts[at]!);
  }
  return buildSingly(context, namespace, singly, build);
}

async function buildSingly(
  { logger }: StructureContext,
  namespace: string,
  indexes: readonly TranslatedIndex[],
  build: (some: readonly TranslatedIndex[]) => Promise<void>,
): Promise<NotBuilt> {
  const refused = new Map<string, string>();
  const aborted = new Set<string>();
  for (const index of indexes) {
    const { name } = index;
    try {
      await build([index]);
    } catch (error) {
      if (hasServerCode(error, 'IndexBuildAborted')) {
        aborted.add(name);
        logger.warn('an index build was aborted on the target', { namespace, index: name, err: error });
      } else if (isRefusal(error)) {
        refused.set(name, refusalText(error));
        logger.warn('the target refused an index', { namespace, index: name, err: error });
      } else throw error;
    }
  }
  return { refused, aborted };
}

/** Into at most `count` parts of about the same length. */
function dealt<Item>(items: readonly Item[], count: number): Item[][] {
  return Array.from({ length: Math.min(count, items.length) }, (_, part) =>
    items.filter((_item, at) => at % count === part),
  );
}
