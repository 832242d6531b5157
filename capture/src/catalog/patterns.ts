/**
 * What `--include` and `--exclude` match on this source. A misspelt pattern easily leads to a
 * stream that is complete and empty. It is refused before anything is written; if it stops matching
 * later, the log says so.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import type { Logger } from '@waybill/shared/base/logger';
import type { CollectionDefinition, DdlEvent } from '@waybill/shared/manifest/commit';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { leftOut } from '@waybill/shared/mongo/facts/left-out';
import { listNames } from '@waybill/shared/mongo/facts/listed-names';
import {
  type NamespaceFilter,
  type Pattern,
  parsePattern,
} from '@waybill/shared/mongo/facts/namespace-filter';
import { isNamed, namesAny, suggestPattern, unmatchedPatterns } from '@waybill/shared/mongo/facts/unmatched';

export interface PatternOptions {
  readonly filter: NamespaceFilter;
  readonly allowEmpty: boolean;
  readonly source: MongoConnection;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const MOST_NAMED = 10;

/** For a new stream. @throws CONFIG_PATTERN_UNMATCHED */
export async function checkPatterns(
  definitions: readonly CollectionDefinition[],
  options: PatternOptions,
): Promise<void> {
  const { filter, source, logger, signal, allowEmpty } = options;
  const taken = definitions.map(({ namespace }) => namespace);
  const names = await listNames(source, (database) => filter.mayMatchDatabase(database), signal);
  // The names of T0 count and those of now: a collection may have been created or renamed between
  // the two.
  const unmatched = unmatchedPatterns(filter.include, [...taken, ...names]);
  if (unmatched.length > 0) {
    const all = await listNames(source, () => true, signal);
    const error = namesNothing(unmatched, all);
    if (!allowEmpty) throw error;
    logger.warn(error.message, { allowed: '--allow-empty', suggestion: error.hint });
  } else if (taken.length === 0) {
    const error = nothingLeft(filter);
    if (!allowEmpty && filter.text() !== null) throw error;
    logger.warn(error.message);
  }
  for (const exclude of unmatchedPatterns(filter.exclude, names)) {
    logger.warn('--exclude names nothing that the source has', {
      exclude,
      suggestion: suggestPattern(exclude, names),
    });
  }
  tellScope(filter, definitions, names, logger);
}

function tellScope(
  filter: NamespaceFilter,
  definitions: readonly CollectionDefinition[],
  names: readonly string[],
  logger: Logger,
): void {
  logger.info('scope', {
    takes: filter.text() ?? 'all databases',
    collections: definitions.filter(({ type }) => type === 'collection').length,
    views: definitions.filter(({ type }) => type === 'view').length,
    leftOut: leftOut(names, filter),
  });
}

function namesNothing(patterns: readonly string[], names: readonly string[]): WaybillError {
  const named = patterns.slice(0, MOST_NAMED).join(', ');
  const more = patterns.length > MOST_NAMED ? ` and ${patterns.length - MOST_NAMED} more` : '';
  const guesses = patterns.slice(0, MOST_NAMED).flatMap((each) => suggestPattern(each, names) ?? []);
  const guess = guesses.length > 0 ? `Did you mean ${guesses.join(', ')}? ` : '';
  return new WaybillError(
    'CONFIG_PATTERN_UNMATCHED',
    `--include names nothing that the source has: ${named}${more}`,
    {
      hint: `${guess}Names are case-sensitive. If it comes later, give --allow-empty.`,
      context: { patterns: patterns.length },
    },
  );
}

function nothingLeft(filter: NamespaceFilter): WaybillError {
  const patterns = filter.text();
  const what = patterns === null ? 'has no collection or view yet' : `has nothing that ${patterns} takes`;
  return new WaybillError('CONFIG_PATTERN_UNMATCHED', `the source ${what}`, {
    hint: 'An --exclude wins over every --include. If the collections come later, give --allow-empty.',
  });
}

type Collections = ReadonlyMap<string, CollectionDefinition>;

const ENDS_NAME: ReadonlySet<DdlEvent['operation']> = new Set(['drop', 'dropDatabase', 'rename']);

/** Warns when a pattern that matched something no longer matches anything. */
export class PatternWatch {
  readonly #filter: NamespaceFilter;
  readonly #patterns: readonly (readonly [text: string, pattern: Pattern])[];
  readonly #logger: Logger;

  constructor(filter: NamespaceFilter, logger: Logger) {
    this.#filter = filter;
    this.#patterns = filter.include.map((text) => [text, parsePattern(text)] as const);
    this.#logger = logger;
  }

  /** When a stream goes on. Logs the scope too; what it leaves out was named when it began. */
  look(collections: Collections): void {
    tellScope(this.#filter, [...collections.values()], [], this.#logger);
    for (const [text, pattern] of this.#patterns) this.#tell(text, pattern, collections);
  }

  /** After structure changes were committed. */
  after(ddl: readonly DdlEvent[], collections: Collections): void {
    const ended = ddl.filter(({ operation }) => ENDS_NAME.has(operation));
    if (ended.length === 0) return;
    for (const [text, pattern] of this.#patterns) {
      if (ended.some(({ namespace }) => isNamed(pattern, namespace))) this.#tell(text, pattern, collections);
    }
  }

  #tell(text: string, pattern: Pattern, collections: Collections): void {
    if (namesAny(pattern, collections)) return;
    this.#logger.warn('--include names nothing that the stream has now', { include: text });
  }
}
