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
  it('replaces what a repeated segment finds, and reinserts beside an equal _id of other bytes', () => {
    const duplicate = failure(11000, { duplicateId: true, indexName: '_id_' });
    expect(tacticFor('insert', duplicate)).toBe('replace');
    expect(tacticFor('update', duplicate)).toBe('reinsert');
    expect(tacticFor('update', failure(66))).toBe('reinsert');
    expect(tacticFor('update', failure(10334))).toBe('reinsert');
  });

  it('writes names that a replacement cannot hold another way', () => {
    expect(tacticFor('update', failure(52))).toBe('pipeline');
    expect(tacticFor('insert', failure(52))).toBe('refuse');
  });

  it('has nothing to delete where there is no collection', () => {
    expect(tacticFor('delete', failure(26))).toBe('done');
    expect(tacticFor('insert', failure(26))).toBe('refuse');
  });

  it('knows nothing else against another unique index', () => {
    expect(tacticFor('insert', failure(11000, { indexName: 'mine' }))).toBe('refuse');
    expect(tacticFor('update', failure(11000, { indexName: 'mine' }))).toBe('refuse');
  });
});
