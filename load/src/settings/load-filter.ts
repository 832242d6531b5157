/**
 * What a load takes of its stream. Fixed for the life of the load: recorded in its log with
 * `load-started`, which is committed before anything is written to the target's collections, so
 * that a crash leaves either no filter and nothing applied, or both. Everything that reads the load
 * later (verify, cutover, status) finds it there.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import type { DdlEvent, Milestone, StreamIdentity } from '@waybill/shared/manifest/commit';
import { progressOf } from '@waybill/shared/manifest/identity';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { patternsIn, type StreamPatterns } from '@waybill/shared/manifest/stream-patterns';
import { NamespaceFilter, patternsText } from '@waybill/shared/mongo/facts/namespace-filter';

/** Patterns as {@link NamespaceFilter} has them; both empty: everything that is in the stream. */
export interface LoadFilter {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

export const EVERYTHING: LoadFilter = { include: [], exclude: [] };

/** Says of a namespace whether the load takes it. */
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
 * Whether a structure change touches something that the load takes. A database counts where
 * everything is taken.
 */
export function concerns({ namespace, to }: DdlEvent, takes: Takes): boolean {
  return takes(namespace) || (to !== undefined && takes(to));
}

/**
 * What source and target are compared in: of what the stream includes that which the load takes.
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

/** Null where the load has not been started, so that none is fixed. */
export function recordedFilter(log: StreamState): LoadFilter | null {
  const started = milestoneOf(log, 'load-started');
  if (!started) return null;
  const { include, exclude } = started.evidence ?? {};
  return { include: patternsIn(include), exclude: patternsIn(exclude) };
}

/**
 * The filter to go on with. What is given with no pattern at all is not given. The stream's own
 * patterns take everything that is in it, so that capture and load may share a configuration file:
 * those of its creation, and those of `now`.
 * @throws LOAD_OPTIONS_CHANGED where the load was started with another one; CONFIG_INVALID for what
 *   is no pattern
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

/** As one would give it. */
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
