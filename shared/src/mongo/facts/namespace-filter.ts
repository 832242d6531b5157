/**
 * Decides which namespaces are captured, loaded or compared. A pattern is `db` or `db.*` (a whole
 * database), or `db.collection`. `*` in either part stands for any run of characters. The first dot
 * divides the parts, since a database name holds none. An exclude wins over every include. An
 * exclude of an encrypted collection takes its state collections with it. No include means all.
 * System databases and collections, and progress of loads, are never in.
 */
import { WaybillError } from '../../base/errors.ts';
import { type Namespace, splitNamespace } from '../../base/record.ts';

/** The database on the target where loads keep their progress by default. */
export const PROGRESS_DATABASE = 'waybill';

const NEVER_DATABASES: ReadonlySet<string> = new Set(['admin', 'local', 'config', '']);

/** For a `$match` on a change stream: lists of names, no regular expressions. */
export interface NamespaceLists {
  readonly databases: readonly string[];
  /** `{db, coll}` as change events have it in `ns`. */
  readonly namespaces: readonly { readonly db: string; readonly coll: string }[];
}

export interface NamespaceFilterOptions {
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  /**
   * Patterns of the collections that hold progress of loads. Like system collections, these are
   * never in.
   */
  readonly progress?: readonly string[] | undefined;
  /** A filter that this one narrows: a namespace is in only if it is in both. */
  readonly within?: NamespaceFilter | undefined;
}

export interface Pattern {
  readonly database: string;
  readonly collection: string;
  readonly matchesDatabase: (name: string) => boolean;
  readonly matchesCollection: (name: string) => boolean;
}

export class NamespaceFilter {
  /** The patterns as they were given. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly progress: readonly string[];
  readonly #include: readonly Pattern[];
  readonly #exclude: readonly Pattern[];
  readonly #progress: readonly Pattern[];
  readonly #within: NamespaceFilter | undefined;

  /** Throws CONFIG_INVALID for a pattern that cannot name anything. */
  constructor(options: NamespaceFilterOptions = {}) {
    this.include = options.include ?? [];
    this.exclude = options.exclude ?? [];
    this.#include = this.include.map(parsePattern);
    this.#exclude = this.exclude.map(parsePattern);
    this.progress = options.progress ?? [];
    this.#progress = this.progress.map(parsePattern);
    this.#within = options.within;
  }

  /** `namespace` is `database.collection`. */
  matches(namespace: string): boolean {
    const { database, collection } = splitNamespace(namespace);
    if (collection === '' || NEVER_DATABASES.has(database) || isSystemCollection(collection)) return false;
    if (this.#within && !this.#within.matches(namespace)) return false;
    const hits = (name: string) => (each: Pattern) =>
      each.matchesDatabase(database) && each.matchesCollection(name);
    const encrypted = encryptedOf(collection);
    const names = encrypted === null ? [collection] : [collection, encrypted];
    if (names.some((name) => this.#exclude.some(hits(name)))) return false;
    if (this.#progress.some(hits(collection))) return false;
    const isIn = this.#include.length === 0 || this.#include.some(hits(collection));
    if (isIn && !namespace.isWellFormed()) throw nameUnsupported(namespace);
    return isIn;
  }

  /** The filter as command-line options; null if it names nothing. */
  text(): string | null {
    const own = patternsText(this);
    const outer = this.#within?.text() ?? null;
    return own !== null && outer !== null ? `${own} of ${outer}` : (own ?? outer);
  }

  /** True if a collection of that database could be in. This decides which databases to list. */
  mayMatchDatabase(database: string): boolean {
    if (NEVER_DATABASES.has(database)) return false;
    if (this.#within && !this.#within.mayMatchDatabase(database)) return false;
    const isWhole = (each: Pattern): boolean => each.collection === '*' && each.matchesDatabase(database);
    if (this.#exclude.some(isWhole) || this.#progress.some(isWhole)) return false;
    return this.#include.length === 0 || this.#include.some((each) => each.matchesDatabase(database));
  }

  /**
   * The databases to look at, if the includes name them all; null if a glob or no include leaves it
   * open.
   */
  exactDatabases(): readonly string[] | null {
    const isOpen = this.#include.length === 0 || this.#include.some((each) => isGlob(each.database));
    const names = isOpen ? this.#within?.exactDatabases() : this.#include.map((each) => each.database);
    return names ? [...new Set(names)].filter((name) => this.mayMatchDatabase(name)) : null;
  }

  /**
   * The includes as lists of names; null if there is no include, or one has a glob (`db.*` counts
   * as none). The lists are wider than the filter: they ignore the excludes and the filter that
   * this one narrows. So {@link matches} still decides. A rename has its new name in `to`, not in
   * `ns`.
   */
  exactLists(): NamespaceLists | null {
    if (this.#include.length === 0 || !this.#include.every(isExact)) return null;
    return listsOf(this.#include);
  }

  /**
   * For a filter on the server: the most that is included (null if that is open), and the least
   * that is excluded. {@link matches} still decides.
   */
  serverLists(): { readonly included: NamespaceLists | null; readonly excluded: NamespaceLists } {
    return { included: this.exactLists(), excluded: listsOf(this.#exclude.filter(isExact)) };
  }
}

/**
 * For a name that is not UTF-8, as nameText gives it. If it were read as the text that it
 * resembles, it would name another collection.
 */
function nameUnsupported(namespace: string): WaybillError {
  const pattern = namespace.replace(/[\udc80-\udcff]+/g, '*');
  return new WaybillError(
    'SOURCE_UNSUPPORTED',
    `the name of the collection ${JSON.stringify(namespace)} is not UTF-8 (each \\udcXX stands for the byte XX)`,
    {
      hint: `No driver can ask for it. Leave it out with --exclude ${JSON.stringify(pattern)}, or rename it with the program that made it.`,
      context: { namespace },
    },
  );
}

/** True for a whole database, or for one collection. */
function isExact({ database, collection }: Pattern): boolean {
  return !isGlob(database) && (collection === '*' || !isGlob(collection));
}

function listsOf(patterns: readonly Pattern[]): NamespaceLists {
  const databases = new Set(
    patterns.filter(({ collection }) => collection === '*').map(({ database }) => database),
  );
  const namespaces = new Map<string, { db: string; coll: string }>();
  for (const { database, collection } of patterns) {
    if (!databases.has(database))
      namespaces.set(`${database}.${collection}`, { db: database, coll: collection });
  }
  return { databases: [...databases], namespaces: [...namespaces.values()] };
}

/** The patterns as command-line options; null if there are none. */
export function patternsText({
  include,
  exclude,
}: {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}): string | null {
  const parts = [
    ...(include.length > 0 ? [`--include ${include.join(',')}`] : []),
    ...(exclude.length > 0 ? [`--exclude ${exclude.join(',')}`] : []),
  ];
  return parts.join(' ') || null;
}

/**
 * The encrypted collection that a state collection belongs to, and is of no use without; null for
 * any other collection.
 */
function encryptedOf(collection: string): string | null {
  return collection.startsWith('enxcol_.') ? (/^enxcol_\.(.+)\.[^.]+$/s.exec(collection)?.[1] ?? null) : null;
}

/** `system.*`: the server's own (views, time-series buckets, profile, stored JavaScript). */
export function isSystemCollection(collection: string): boolean {
  return collection.startsWith('system.');
}

/** @throws CONFIG_INVALID */
export function parsePattern(text: string): Pattern {
  const { database, collection }: Namespace = text.includes('.')
    ? splitNamespace(text)
    : { database: text, collection: '*' };
  if (database === '' || collection === '' || /[\s"$/\\\0]/.test(database) || collection.includes('\0')) {
    throw new WaybillError('CONFIG_INVALID', `'${text}' is not a namespace pattern`, {
      hint: 'Write a database (shop), all of one (shop.*), a collection (shop.orders), or a glob (shop.order*).',
    });
  }
  return {
    database,
    collection,
    matchesDatabase: globMatcher(database),
    matchesCollection: globMatcher(collection),
  };
}

export function isGlob(text: string): boolean {
  return text.includes('*');
}

function globMatcher(glob: string): (name: string) => boolean {
  if (!isGlob(glob)) return (name) => name === glob;
  // A run of stars counts as one, so that no pattern backtracks for long.
  const source = glob
    .split(/\*+/)
    .map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'))
    .join('.*?');
  const expression = new RegExp(`^${source}$`, 's');
  return (name) => expression.test(name);
}
