/** What an assessment has found. It grows with the kinds of findings and the namespaces alone. */
import { type AssessRule, type FindingLevel, RULES, type RuleText } from './rules.ts';

export interface AssessFinding extends RuleText {
  readonly rule: AssessRule;
  /** The type, the option or the reason, where a rule has several. */
  readonly detail: string | null;
  readonly count: number;
  /** One that has it. */
  readonly example: string;
  /** How many have it. */
  readonly namespaces: number;
}

interface Entry {
  readonly rule: AssessRule;
  readonly detail: string | null;
  count: number;
  readonly namespaces: Set<string>;
  /** What was counted already, for what may be met several times. */
  readonly seen: Set<string>;
}

const LEVELS: readonly FindingLevel[] = ['refused', 'altered', 'note'];

export class FindingTable {
  readonly #entries = new Map<string, Entry>();

  add(rule: AssessRule, detail: string | null, namespace: string): void {
    const entry = this.#entry(rule, detail);
    entry.count++;
    entry.namespaces.add(namespace);
  }

  /** Counts each `name` of a namespace once. */
  addOnce(rule: AssessRule, detail: string | null, namespace: string, name = ''): void {
    const { seen } = this.#entry(rule, detail);
    const key = `${namespace}\0${name}`;
    if (seen.has(key)) return;
    seen.add(key);
    this.add(rule, detail, namespace);
  }

  /** What is refused comes first, then what is found most. */
  list(): AssessFinding[] {
    const findings = [...this.#entries.values()].map(
      ({ rule, detail, count, namespaces }): AssessFinding => ({
        rule,
        ...RULES[rule],
        detail,
        count,
        example: [...namespaces][0]!,
        namespaces: namespaces.size,
      }),
    );
    return findings.sort(
      (a, b) =>
        LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level) || b.count - a.count || (a.rule < b.rule ? -1 : 1),
    );
  }

  #entry(rule: AssessRule, detail: string | null): Entry {
    const key = `${rule}\0${detail ?? ''}`;
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = { rule, detail, count: 0, namespaces: new Set(), seen: new Set() };
      this.#entries.set(key, entry);
    }
    return entry;
  }
}
