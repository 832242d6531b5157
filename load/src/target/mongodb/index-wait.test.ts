import { refusal } from '@waybill/shared/mongo/driver/classify';
import { SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';
import { expect, it } from 'vitest';
import { awaitIndexes, BuildTurns } from './index-wait.ts';

it('waits until every index is listed', async () => {
  const listed = [new Set<string>(), new Set(['a_1']), new Set(['a_1', 'b_1'])];
  let looks = 0;
  await awaitIndexes(['a_1', 'b_1'], async () => listed[looks++]!, undefined);
  expect(looks).toBe(3);
});

it('builds those of one collection one after the other, and goes on after a failure', async () => {
  const turns = new BuildTurns();
  const told: string[] = [];
  const build =
    (name: string, fails = false) =>
    async () => {
      told.push(`${name} begins`);
      await Promise.resolve();
      if (fails) throw new Error(name);
      told.push(`${name} ends`);
    };
  const all = [
    turns.inTurn('d.a', build('first', true), undefined),
    turns.inTurn('d.a', build('second'), undefined),
    turns.inTurn('d.b', build('other'), undefined),
  ];
  const outcomes = await Promise.allSettled(all);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  expect(told.indexOf('second begins')).toBeGreaterThan(told.indexOf('other begins'));
});

it('waits for a build that is under way already', async () => {
  let tries = 0;
  const build = async (): Promise<void> => {
    if (tries++ < 1) throw refusal(SERVER_CODES.BackgroundOperationInProgressForNamespace, 'busy');
  };
  await new BuildTurns().inTurn('d.a', build, undefined);
  expect(tries).toBe(2);
});
