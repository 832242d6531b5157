/**
 * Differences of structure that the operator takes as they are, by name. Two kinds of them can be
 * accepted: what the target refuses (blocked), and what only the target has (extra). All others,
 * and documents, have to be mended.
 *
 *   blocked:shop.nearby            a view; of a collection all of its options and indexes that are
 *   blocked blocked:shop.orders.validator  one option or index
 *   blocked:index                  all of that kind: view, option, index; of extra ones collection,
 *   view, index extra:shop.notes               a collection or view; of a collection that both
 *   have, all of its indexes extra:shop.orders.mine         one index
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
/** Named in a message. */
const NAMED = 10;

export class Acceptance {
  readonly #names: Set<string>;
  /** Indexes that the target refused at the cutover itself, and why. */
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

  /** At the cutover itself. It is accepted by its own name alone: documents may be the reason. */
  noteRefused(namespace: string, index: string, reason: string): void {
    this.#refused.set(indexKey(namespace, index), reason);
  }

  /** With those marked that are accepted. */
  mark(found: readonly StructureDifference[]): StructureDifference[] {
    return found.map((each) => {
      const reason = each.blocked === undefined ? this.#refusalOf(each) : undefined;
      const known = reason === undefined ? each : { ...each, heldBack: false, blocked: reason };
      const names = reason === undefined ? namesOf(known) : namesOf(known).slice(0, 1);
      return names.some((name) => this.#names.has(name)) ? { ...known, accepted: true } : known;
    });
  }

  /**
   * Whether that index may stay as it is, which the target has refused. `found` are the differences
   * so far.
   */
  takes(namespace: string, index: string, found: readonly StructureDifference[]): boolean {
    if (this.#names.has(`blocked:${namespace}.${index}`)) return true;
    return this.mark(found).some(
      (each) => each.accepted && each.namespace === namespace && each.names?.includes(index),
    );
  }

  /** @throws CONFIG_INVALID for a name that is of nothing there is */
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

/** Those that nobody has accepted yet. */
export function acceptable(found: readonly StructureDifference[]): StructureDifference[] {
  return found.filter((each) => isDifference(each) && sideOf(each) !== null);
}

/** What accepts exactly that one. */
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
 * As `--accept` takes them on a command line: a comma divides it, so what has one goes by its kind.
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

/** All by which it can be accepted, the one that names nothing else first. */
function namesOf(difference: StructureDifference): string[] {
  const side = sideOf(difference);
  if (side === null) return [];
  const { namespace, names = [] } = difference;
  const parts = names.map((name) => `${namespace}.${name}`);
  return [...parts, namespace, kindOf(difference)].map((name) => `${side}:${name}`);
}

/** What is held back may be refused when it is given back. */
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
