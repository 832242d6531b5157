/**
 * Proves that a stand-in's rules bite: for each of them a command that is refused, and one much
 * like it that passes. No driver stands between.
 */
import { fromObject, type Plain } from '@waybill/shared/bson/build';
import { elements } from '@waybill/shared/bson/raw';
import { BSON } from 'mongodb-4-0';
import { describe, expect, it } from 'vitest';
import { sendCommand } from '../wire.ts';
import type { StandInRules } from './rules.ts';
import type { StandIn } from './stand-in.ts';

export type Command = { readonly [name: string]: Plain };

export interface RuleCase {
  /** Its name, or that of a command that the target lacks. */
  readonly rule: string;
  readonly code: number;
  readonly refused: Command;
  readonly passes?: Command;
}

export interface Answer {
  readonly ok: number;
  readonly n?: number;
  readonly code?: number;
  readonly errorLabels?: readonly string[];
  readonly writeErrors?: readonly { readonly index: number; readonly code: number }[];
}

/** In the database of the stand-in, unless the command names another (`$db`). */
export async function ask(standIn: StandIn, command: Command): Promise<Answer> {
  const body = fromObject({ ...command, $db: command.$db ?? standIn.options.database });
  const fields = [...elements(body)].map((element) => [element.name, element] as const);
  return BSON.deserialize(await sendCommand(standIn.uri, fields)) as Answer;
}

export const codeOf = ({ code, writeErrors }: Answer): number | 'ok' =>
  code ?? writeErrors?.[0]?.code ?? 'ok';

/** `elsewhere`: rules that tests of their own show. */
export function ruleCases(
  standIn: () => StandIn,
  rules: StandInRules,
  cases: readonly RuleCase[],
  elsewhere: readonly string[] = [],
): void {
  describe('refuses', () => {
    it.each(cases)('$rule', async ({ refused, code, passes }) => {
      expect(codeOf(await ask(standIn(), refused))).toBe(code);
      if (passes) expect(codeOf(await ask(standIn(), passes))).toBe('ok');
    });
  });

  it('has no rule without a case', () => {
    const named = new Set([...cases.map(({ rule }) => rule), ...elsewhere]);
    const all = [...rules.commands, ...rules.documents].map(({ name }) => name);
    expect(all.filter((name) => !named.has(name))).toEqual([]);
  });
}

export const insert = (...documents: readonly Plain[]): Command => ({
  insert: 'things',
  documents,
  ordered: false,
});

export const replace = (document: { readonly [name: string]: Plain }): Command => ({
  update: 'things',
  updates: [{ q: { _id: document._id }, u: document, upsert: true }],
  ordered: false,
});
