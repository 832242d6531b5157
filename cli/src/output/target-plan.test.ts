import type { Decision } from '@waybill/load/target/rules/decisions';
import { expect, it } from 'vitest';
import { renderTargetPlan } from './target-plan.ts';

const decision = (
  name: string,
  value: Decision['value'],
  by: Decision['by'],
  note: string | null = null,
): Decision => ({ name, value, by, note });
const plain = (_style: unknown, text: string) => text;

it('is one line for MongoDB', () => {
  const decisions = [
    decision('kind', 'mongodb', 'server'),
    decision('version', '8.2.0', 'server'),
    decision('topology', 'replicaSet', 'server'),
    decision('statementsInCommand', 100_000, 'server'),
    decision('renamesCollections', true, 'profile'),
  ];
  const line = 'target: MongoDB, version 8.2.0, replica set; kind mongodb (the server says so)';
  expect(renderTargetPlan({ title: 'MongoDB', decisions }, plain, false)).toBe(line);
  expect(renderTargetPlan({ title: 'MongoDB', decisions }, plain, true)).toBe(
    `${line}
ability                decision  why
statements in command  100,000   the server says so
renames collections    yes       profile`,
  );
});

it('has a row for everything that is not as on MongoDB', () => {
  const decisions = [
    decision('kind', 'firestore', 'host'),
    decision('version', '8.0.0', 'server'),
    decision('topology', 'loadBalanced', 'server'),
    decision('bytesInCommand', 4 << 20, 'profile'),
    decision('writeMs', 60_000, 'profile'),
    decision('modifiesCollections', false, 'profile'),
    decision('updatesByPipeline', false, 'probe', 'no such operator'),
    decision('takesTimeLimits', true, 'profile'),
  ];
  expect(renderTargetPlan({ title: 'Firestore', decisions }, plain, false)).toBe(
    `target: Firestore, version 8.0.0, load balanced; kind firestore (its host name)
ability               decision  why
bytes in command      4.0 MiB   profile
write time            1m 00s    profile
modifies collections  no        profile
updates by pipeline   no        probe: no such operator`,
  );
});
