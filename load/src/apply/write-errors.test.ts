import { string } from '@waybill/shared/bson/build';
import { describe, expect, it } from 'vitest';
import type { StatementFailure } from '../target/target.ts';
import { refusedError, tacticFor, typeName } from './write-errors.ts';

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
    for (const code of [112, 11602, 10107, 50]) expect(tacticFor('update', failure(code))).toBe('retry');
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

describe('refusedError', () => {
  it('names the record and the type of its _id, and never its value', () => {
    const id = string('very secret');
    const change = refusedError({
      kind: 'update',
      namespace: 'a.b',
      place: { sequence: 17 },
      id,
      code: 121,
      message: 'no',
    });
    expect(change.message).toContain('change 17');
    expect(change.context).toMatchObject({
      namespace: 'a.b',
      sequence: 17,
      idType: 'string',
      serverCode: 121,
    });
    expect(JSON.stringify([change.message, change.hint, change.context])).not.toContain('secret');
    const snapshot = refusedError({
      kind: 'insert',
      namespace: 'a.b',
      place: { segment: 'segments/x.avro', chunk: 3 },
      id,
      code: 11000,
      message: 'no',
      indexName: 'mine',
    });
    expect(snapshot.message).toContain('segments/x.avro (chunk 3)');
    expect(snapshot.hint).toContain('(mine)');
  });
});

describe('typeName', () => {
  it('knows every type, and says the number of another', () => {
    expect([0x07, 0x10, 0xff].map(typeName)).toEqual(['objectId', 'int32', 'minKey']);
    expect(typeName(0x42)).toBe('0x42');
  });
});
