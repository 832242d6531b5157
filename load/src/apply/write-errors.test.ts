import { describe, expect, it } from 'vitest';
import type { StatementFailure } from '../target/target.ts';
import { tacticFor } from './write-errors.ts';

const failure = (code: number, rest: Partial<StatementFailure> = {}): StatementFailure => ({
  index: 0,
  code,
  message: 'said so',
  duplicateId: false,
  indexName: undefined,
  ...rest,
});

describe('tacticFor', () => {
  it('repeats what may pass', () => {
    for (const code of [112, 388, 11602, 10107, 50]) expect(tacticFor('update', failure(code))).toBe('retry');
  });

  it('replaces what a repeated segment finds, and reinserts beside an equal _id of other bytes', () => {
    const duplicate = failure(11000, { duplicateId: true, indexName: '_id_' });
    expect(tacticFor('insert', duplicate)).toBe('replace');
    expect(tacticFor('update', duplicate)).toBe('reinsert');
    expect(tacticFor('update', failure(66))).toBe('reinsert');
    expect(tacticFor('update', failure(10334))).toBe('reinsert');
  });

  it('refuses for good: another unique index, a validator, what nobody knows', () => {
    expect(tacticFor('insert', failure(11000, { indexName: 'mine' }))).toBe('refuse');
    expect(tacticFor('update', failure(11000, { indexName: 'mine' }))).toBe('refuse');
    for (const code of [121, 2, 999_999]) expect(tacticFor('insert', failure(code))).toBe('refuse');
  });
});
