import { fromObject } from '@waybill/shared/bson/build';
import { expect, it } from 'vitest';
import { writeOutcome } from './write-outcome.ts';

const entry = (fields: Parameters<typeof fromObject>[0]): Buffer => fromObject(fields);

it('names the index of a duplicate key in the words of every server version', () => {
  const said = [
    'E11000 duplicate key error collection: d.c index: mail_1 dup key: { mail: "me@home" }',
    'E11000 duplicate key error collection: d.c index: mail_1 dup key: { : "me@home" }',
    'E11000 duplicate key error collection: d.c index: mail_1 collation: { locale: "en" } dup key: { mail: "0x3f" }',
    'E11000 duplicate key error collection: d.c index: by mail, once dup key: { mail: "me@home" }',
  ];
  const reply = {
    n: 0,
    ok: 1,
    writeErrors: said.map((errmsg, index) => entry({ index, code: 11000, errmsg })),
  };
  const { writeErrors } = writeOutcome(reply);
  expect(writeErrors.map(({ index, duplicateIndex }) => [index, duplicateIndex])).toEqual([
    [0, 'mail_1'],
    [1, 'mail_1'],
    [2, 'mail_1'],
    [3, 'by mail, once'],
  ]);
  expect(JSON.stringify(writeErrors)).not.toMatch(/me@home|0x3f/);
});

it('tells a write concern that may pass from one that never will', () => {
  const concern = (fields: Parameters<typeof fromObject>[0]) =>
    writeOutcome({ n: 1, writeConcernError: entry(fields) }).writeConcernError;
  expect(concern({ code: 91, codeName: 'ShutdownInProgress', errmsg: 'x' })).toMatchObject({
    code: 91,
    codeName: 'ShutdownInProgress',
    transient: true,
  });
  expect(concern({ code: 64, errmsg: 'waiting timed out' })?.transient).toBe(true);
  expect(concern({ code: 79, errmsg: 'no such mode' })?.transient).toBe(false);
  expect(concern({ code: 79, errmsg: 'x', errorLabels: ['RetryableWriteError'] })?.transient).toBe(true);
  expect(writeOutcome({ n: 3, nModified: 2 })).toEqual({
    n: 3,
    nModified: 2,
    writeErrors: [],
    writeConcernError: null,
  });
});
