/**
 * What a load takes of its stream. It is fixed for the life of the load: `load-started` in the
 * load's log records it before anything is written to the target's collections. So a crash leaves
 * either no filter and nothing applied, or both. Whoever reads the load later (verify, cutover,
 * status) finds it there.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import type { DdlEvent, Milestone, StreamIdentity } from '@waybill/shared/manifest/commit';
import { progressOf } from '@waybill/shared/manifest/identity';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { patternsIn, type StreamPatterns } from '@waybill/shared/manifest/stream-patterns';
import { NamespaceFilter, patternsText } from '@waybill/shared/mongo/facts/namespace-filter';

/** Patterns as {@link NamespaceFilter} has them. Both empty: everything in the stream. */
export interface LoadFilter {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

export const EVERYTHING: LoadFilter = { include: [], exclude: [] };

/** Tells whether the load takes a namespace. */
export type Takes = (namespace: string) => boolean;

/** Remembers its last answer: records of one collection come in runs. */
export function takesOf(filter: LoadFilter): Takes {
  if (isEverything(filter)) return () => true;
  const namespaces = new NamespaceFilter(filter);
  let last = '';
  let isTaken = false;
  return (namespace) => {
    if (namespace !== last) {
      last = namespace;
      isTaken = namespaces.matches(namespace);
    }
    return isTaken;
  };
}

/**
 * Whether a structure change touches something that the load takes. A change of a whole database
 * counts if the load takes everything.
 */
export function concerns(
  { namespace, to }: Pick<DdlEvent, 'namespace'> & { readonly to?: string | undefined },
  takes: Takes,
): boolean {
  return takes(namespace) || (to !== undefined && takes(to));
}

/**
 * The namespaces that are compared between source and target: those of the stream that the load
 * takes.
 */
export function comparedNamespaces(
  identity: StreamIdentity,
  stream: StreamPatterns,
  filter: LoadFilter,
): NamespaceFilter {
  const within = new NamespaceFilter(stream);
  return new NamespaceFilter({ ...filter, progress: progressOf(identity), within });
}

export function isEverything({ include, exclude }: LoadFilter): boolean {
  return include.length + exclude.length === 0;
}

/** For `load-started`: patterns may hold any character, so each list is JSON. */
export function filterEvidence(filter: LoadFilter): NonNullable<Milestone['evidence']> {
  const { include, exclude } = filter;
  return isEverything(filter) ? {} : { include: JSON.stringify(include), exclude: JSON.stringify(exclude) };
}

/** Null if the load has not been started: no filter is fixed then. */
export function recordedFilter(log: StreamState): LoadFilter | null {
  const started = milestoneOf(log, 'load-started');
  if (!started) return null;
  const { include, exclude } = started.evidence ?? {};
  return { include: patternsIn(include), exclude: patternsIn(exclude) };
}

/**
 * The filter to go on with. Empty patterns count as not given. The stream's own patterns, those of
 * its creation and those of `now`, take everything in it: capture and load may share a
 * configuration file.
 * @throws LOAD_OPTIONS_CHANGED if the load was started with another one; CONFIG_INVALID for an
 *   invalid pattern
 */
export function settleFilter(
  given: LoadFilter,
  recorded: LoadFilter | null,
  identity: StreamIdentity,
  load: string,
  now: StreamPatterns = identity,
): LoadFilter {
  if (isEverything(given)) return recorded ?? EVERYTHING;
  void new NamespaceFilter(given);
  const wanted = isSame(given, identity) || isSame(given, now) ? EVERYTHING : canonical(given);
  if (recorded === null || isSame(wanted, recorded)) return wanted;
  const { stream } = identity;
  throw new WaybillError(
    'LOAD_OPTIONS_CHANGED',
    `load ${load} of stream ${stream} was started with ${filterText(recorded)}, and is now given ${filterText(wanted)}`,
    {
      hint: 'Leave --include and --exclude out to go on as it was started. To take something else start another load (--load), of collections that do not stand on the target yet.',
      context: { stream, load },
    },
  );
}

/** The options that give this filter. */
export function filterText(filter: LoadFilter): string {
  return patternsText(filter) ?? 'everything in the stream';
}

function canonical({ include, exclude }: LoadFilter): LoadFilter {
  return { include: canonicalList(include), exclude: canonicalList(exclude) };
}

/** The order of patterns says nothing, and `shop.*` is `shop`. */
function canonicalList(patterns: readonly string[]): readonly string[] {
  return [...new Set(patterns.map((pattern) => pattern.replace(/^([^.]+)\.\*$/, '$1')))].sort();
}

function isSame(one: LoadFilter, other: LoadFilter): boolean {
  return JSON.stringify(canonical(one)) === JSON.stringify(canonical(other));
}
