/**
 * Differences of structure that the operator accepts by name. Two kinds can be accepted: what the
 * target refuses (blocked), and what only the target has (extra). Every other difference must be
 * corrected, and every difference of documents.
 *
 *   blocked:shop.nearby            a view; for a collection, all of its blocked options and indexes
 *   blocked:shop.orders.validator  one option or index
 *   blocked:index                  everything of that kind: view, option, index
 *   extra:shop.notes               a collection or view; for a collection that both sides have, all
 *                                  of its indexes
 *   extra:shop.orders.mine         one index
 *   extra:index                    everything of that kind: collection, view, index
 */
import { WaybillError } from '@waybill/shared/base/errors';
import { indexKey } from './load-watch.ts';
import { isDifference, type StructureDifference } from './report.ts';

type Side = 'blocked' | 'extra';

const KINDS: Readonly<Record<Side, readonly string[]>> = {
  blocked: ['view', 'option', 'index'],
  extra: ['collection', 'view', 'index'],
};
const FORM = 'blocked:<name> or extra:<name>, with a namespace, the index or option of one, or a kind';
/** Names in a message. */
const NAMED = 10;

export class Acceptance {
  readonly #names: Set<string>;
  /** Indexes that the target refused during the cutover, and why. */
  readonly #refused = new Map<string, string>();

  private constructor(names: readonly string[]) {
    this.#names = new Set(names);
  }

  /** @throws CONFIG_INVALID */
  static of(names: readonly string[]): Acceptance {
    for (const name of names) if (!isName(name)) throw notAName(name);
    return new Acceptance(names);
  }

  /** As the operator gave them. */
  get names(): readonly string[] {
    return [...this.#names];
  }

  add(names: readonly string[]): void {
    for (const name of names) this.#names.add(name);
  }

  /** During the cutover. Only its own name accepts such an index: documents may be the reason. */
  noteRefused(namespace: string, index: string, reason: string): void {
    this.#refused.set(indexKey(namespace, index), reason);
  }

  /** The same differences, with the accepted ones marked. */
  mark(found: readonly StructureDifference[]): StructureDifference[] {
    return found.map((each) => {
      const reason = each.blocked === undefined ? this.#refusalOf(each) : undefined;
      const known = reason === undefined ? each : { ...each, heldBack: false, blocked: reason };
      const names = reason === undefined ? namesOf(known) : namesOf(known).slice(0, 1);
      return names.some((name) => this.#names.has(name)) ? { ...known, accepted: true } : known;
    });
  }

  /**
   * Whether an index that the target refused may stay as it is. `found` are the differences so far.
   */
  takes(namespace: string, index: string, found: readonly StructureDifference[]): boolean {
    if (this.#names.has(`blocked:${namespace}.${index}`)) return true;
    return this.mark(found).some(
      (each) => each.accepted && each.namespace === namespace && each.names?.includes(index),
    );
  }

  /** @throws CONFIG_INVALID for a name that nothing has */
  assertKnown(found: readonly StructureDifference[]): void {
    const there = new Set(found.flatMap((each) => [...namesOf(each), ...namesToCome(each)]));
    const unknown = this.names.find((name) => !there.has(name));
    if (unknown === undefined) return;
    const open = acceptable(found).map(acceptName);
    throw new WaybillError('CONFIG_INVALID', `--accept ${unknown} names nothing that could be accepted`, {
      hint: open.length > 0 ? `There is: ${listed(open)}.` : 'There is nothing to accept: leave it out.',
      context: { accept: unknown },
    });
  }

  #refusalOf({ namespace, what, names = [] }: StructureDifference): string | undefined {
    if (what !== 'index-missing' && what !== 'index-different') return undefined;
    return names
      .map((name) => this.#refused.get(indexKey(namespace, name)))
      .find((reason) => reason !== undefined);
  }
}

/** The differences that can be accepted, and are not yet. */
export function acceptable(found: readonly StructureDifference[]): StructureDifference[] {
  return found.filter((each) => isDifference(each) && sideOf(each) !== null);
}

/** The name that accepts exactly this difference. */
export function acceptName(difference: StructureDifference): string {
  return namesOf(difference)[0] ?? '';
}

/** For people. */
export function describeAcceptable(difference: StructureDifference): string {
  const { namespace, names: [name] = [], blocked } = difference;
  const what = `${kindOf(difference)} ${name === undefined ? namespace : `${name} of ${namespace}`}`;
  return blocked === undefined ? `extra ${what}` : `${what}: ${blocked}`;
}

/**
 * As `--accept` takes them on a command line. A comma separates names, so a name with a comma goes
 * by its kind.
 */
export function acceptOption(differences: readonly StructureDifference[]): string {
  const names = differences.map((each) => namesOf(each).find((name) => !name.includes(',')) ?? '');
  return [...new Set(names)].map(shellWord).join(',');
}

export function listed(names: readonly string[]): string {
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return `${names.slice(0, NAMED).join(', ')}${more}`;
}

function sideOf({ what, blocked }: StructureDifference): Side | null {
  if (what === 'collection-extra' || what === 'index-extra' || what === 'index-renamed') return 'extra';
  return blocked === undefined ? null : 'blocked';
}

/** All names that accept it. The first one accepts nothing else. */
function namesOf(difference: StructureDifference): string[] {
  const side = sideOf(difference);
  if (side === null) return [];
  const { namespace, names = [] } = difference;
  const parts = names.map((name) => `${namespace}.${name}`);
  return [...parts, namespace, kindOf(difference)].map((name) => `${side}:${name}`);
}

/** A held-back index may be refused when it is given back. */
function namesToCome({ namespace, heldBack, names = [] }: StructureDifference): string[] {
  return heldBack ? names.map((name) => `blocked:${namespace}.${name}`) : [];
}

function kindOf({ what, detail }: StructureDifference): string {
  if (what.startsWith('index-')) return 'index';
  if (what === 'options') return 'option';
  return detail === 'view' ? 'view' : 'collection';
}

function isName(text: string): boolean {
  const [, side, name] = /^(blocked|extra):(.+)$/s.exec(text) ?? [];
  return side !== undefined && (name!.includes('.') || KINDS[side as Side].includes(name!));
}

function notAName(text: string): WaybillError {
  return new WaybillError('CONFIG_INVALID', `--accept: ${JSON.stringify(text)} is not ${FORM}`, {
    hint: `For example blocked:shop.nearby, extra:shop.orders.mine or blocked:index. Kinds: blocked:${KINDS.blocked.join(', blocked:')}, extra:${KINDS.extra.join(', extra:')}.`,
    context: { option: 'accept' },
  });
}

function shellWord(text: string): string {
  return /^[\w.:@%+/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
