/**
 * What the collections of the source are called on the target. Names of the bucket are the
 * source's; a load translates them where they enter it, and speaks the target's names from there
 * on.
 *
 * The most specific rule wins: a named database goes before a named collection, and both before
 * neither. So the order in which rules are given says nothing. A name that no rule is for stays.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import { splitNamespace } from '@waybill/shared/base/record';
import { applyRule, collectionBehind, type MapRule, parseMapRule } from './map-rule.ts';
import { nameProblem } from './target-name.ts';

/** A collection's names. */
export interface NamePair {
  /** On the target. */
  readonly namespace: string;
  readonly source: string;
}

export class NameMapping {
  /** In the order of their texts. */
  readonly rules: readonly MapRule[];
  readonly #targets = new Map<string, string>();

  private constructor(rules: readonly MapRule[]) {
    this.rules = rules;
  }

  /** @throws CONFIG_INVALID */
  static of(texts: readonly string[]): NameMapping {
    const rules = new Map<string, MapRule>();
    for (const rule of texts.map(parseMapRule)) {
      const side = `${rule.database ?? '*'}.${rule.collection ?? '*'}`;
      const other = rules.get(side);
      if (other !== undefined && other.text !== rule.text) throw twoRules(other, rule);
      rules.set(side, rule);
    }
    return new NameMapping([...rules.values()].sort((a, b) => (a.text < b.text ? -1 : 1)));
  }

  /** Every name stays. */
  get isIdentity(): boolean {
    return this.rules.length === 0;
  }

  /** The rules as they are recorded and given. */
  get texts(): readonly string[] {
    return this.rules.map(({ text }) => text);
  }

  /** @throws LOAD_NAME_INVALID */
  target(source: string): string {
    if (this.isIdentity) return source;
    let target = this.#targets.get(source);
    if (target === undefined) {
      target = this.#map(source);
      this.#targets.set(source, target);
    }
    return target;
  }

  /** @throws LOAD_NAME_INVALID */
  pair(source: string): NamePair {
    return { namespace: this.target(source), source };
  }

  /**
   * Names in these databases of the source that have that name on the target, whether or not there
   * is such a collection.
   */
  sourcesOf(target: string, databases: Iterable<string>): string[] {
    const found: string[] = [];
    for (const database of databases) {
      const behind = this.rules
        .filter((rule) => rule.database === null || rule.database === database)
        .map((rule) => collectionBehind(rule, database, target));
      const same = splitNamespace(target);
      for (const collection of new Set([...behind, same.database === database ? same.collection : null])) {
        const source = `${database}.${collection}`;
        if (collection !== null && this.named(source) === target) found.push(source);
      }
    }
    return found;
  }

  /** Where collections of a database of the source may stand on the target. */
  databasesOf(database: string): string[] {
    const named = this.rules
      .filter((rule) => (rule.database ?? database) === database)
      .map((rule) => splitNamespace(applyRule(rule, `${database}.x`)).database);
    return [...new Set([database, ...named])];
  }

  /** The rule that a name goes by. */
  ruleOf(source: string): MapRule | undefined {
    const { database, collection } = splitNamespace(source);
    const weight = (rule: MapRule): number =>
      (rule.database === null ? 0 : 2) + (rule.collection === null ? 0 : 1);
    return this.rules
      .filter((rule) => (rule.database ?? database) === database)
      .filter((rule) => (rule.collection ?? collection) === collection)
      .sort((a, b) => weight(b) - weight(a))[0];
  }

  /** Whether or not a collection can have that name. */
  named(source: string): string {
    const rule = this.ruleOf(source);
    return rule ? applyRule(rule, source) : source;
  }

  #map(source: string): string {
    const target = this.named(source);
    const problem = target === source ? null : nameProblem(target);
    if (problem === null) return target;
    throw new WaybillError(
      'LOAD_NAME_INVALID',
      `--map ${this.ruleOf(source)?.text} gives ${source} the name ${JSON.stringify(target)}, which no collection can have: ${problem}`,
      {
        hint: `Give ${source} a rule of its own, or leave it out with --exclude. A load that has begun keeps its rules: then start another one (--load).`,
        context: { namespace: source, target },
      },
    );
  }
}

/** Names stay as they are. */
export const SAME_NAMES = NameMapping.of([]);

/** For people: the target's name, and the source's where it is another one. */
export function bothNames(target: string, source: string): string {
  return target === source ? target : `${target} (${source} on the source)`;
}

function twoRules(one: MapRule, other: MapRule): WaybillError {
  return new WaybillError(
    'CONFIG_INVALID',
    `--map has two rules for the same names: ${one.text} and ${other.text}`,
    {
      hint: 'Leave one of them out.',
      context: { option: 'map' },
    },
  );
}
