import { describe, expect, it } from 'vitest';
import { isTransient, WaybillError } from '../../base/errors.ts';
import { classifyMongoError, failureOf, saysNotSupported, serverCode, serverText } from './classify.ts';

const attempted = { url: 'mongodb://h:1', role: 'source', command: 'find', namespace: 'd.c' } as const;

function driverError(name: string, message: string, fields: object = {}): Error {
  return Object.assign(new Error(message), { name, ...fields });
}

describe('classifyMongoError', () => {
  it.each([
    ['MongoServerSelectionError', {}, 'MONGO_UNREACHABLE', true],
    ['MongoNetworkError', {}, 'MONGO_TRANSIENT', true],
    ['MongoPoolClearedError', {}, 'MONGO_TRANSIENT', true],
    ['MongoServerError', { code: 18 }, 'MONGO_AUTHENTICATION', false],
    ['MongoServerError', { code: 13 }, 'MONGO_UNAUTHORIZED', false],
    ['MongoServerError', { code: 91 }, 'MONGO_TRANSIENT', true],
    ['MongoServerError', { code: 189 }, 'MONGO_TRANSIENT', true],
    ['MongoServerError', { code: 11600 }, 'MONGO_TRANSIENT', true],
    ['MongoServerError', { code: 43 }, 'MONGO_TRANSIENT', true],
    ['MongoServerError', { code: 11601 }, 'MONGO_TRANSIENT', true],
    ['MongoServerError', { code: 99999, errorLabels: ['RetryableWriteError'] }, 'MONGO_TRANSIENT', true],
    ['MongoServerError', { code: 286 }, 'MONGO_COMMAND_FAILED', false],
    ['MongoServerError', { code: 10334 }, 'MONGO_COMMAND_FAILED', false],
    ['MongoServerError', { code: 26 }, 'MONGO_COMMAND_FAILED', false],
    ['Error', { code: 'ECONNRESET' }, 'MONGO_TRANSIENT', true],
    ['TypeError', {}, 'INTERNAL', false],
  ])('%s %j is %s', (name, fields, code, transient) => {
    const error = classifyMongoError(driverError(name, 'said', fields), attempted);
    expect(error.code).toBe(code);
    expect(isTransient(error)).toBe(transient);
  });

  it("tells Atlas's refusal of a command from that of credentials", () => {
    const of = (message: string) =>
      classifyMongoError(driverError('MongoServerError', message, { code: 8000 }), attempted);
    const lacking = of('collStats is not allowed or the syntax is incorrect');
    expect([lacking.code, saysNotSupported(lacking)]).toEqual(['MONGO_COMMAND_FAILED', true]);
    const refused = of('bad auth : authentication failed');
    expect([refused.code, saysNotSupported(refused)]).toEqual(['MONGO_AUTHENTICATION', false]);
  });

  it('keeps the server code and labels reachable, also through a wrapping error', () => {
    const inner = driverError('MongoServerError', 'x', { code: 286, errorLabels: ['NonResumable'] });
    const error = classifyMongoError(inner, attempted);
    const outer = new WaybillError('SOURCE_HISTORY_LOST', 'lost', { cause: error });
    expect(serverCode(outer)).toBe(286);
    expect(failureOf(outer)?.labels).toEqual(['NonResumable']);
    expect(serverCode(new Error('not of a server'))).toBeUndefined();
  });

  it('says what failed where, and keeps nothing of the reply', () => {
    const error = classifyMongoError(
      driverError('MongoServerError', 'E11000 dup key: { mail: "me@home" }', {
        code: 11000,
        errorResponse: { keyValue: { mail: 'me@home' } },
      }),
      attempted,
    );
    expect(error.message).toBe('find on d.c failed at the source mongodb://h:1: E11000 dup key: (hidden)');
    expect(JSON.stringify([error, error.cause, Object.entries(error.cause ?? {})])).not.toContain('me@home');
  });

  it('names the role to grant for its side', () => {
    const failure = driverError('MongoServerError', 'not authorized on d', { code: 13 });
    expect(classifyMongoError(failure, attempted).hint).toContain('readAnyDatabase');
    expect(classifyMongoError(failure, { ...attempted, role: 'target' }).hint).toContain(
      'readWriteAnyDatabase',
    );
  });

  it('passes on what is classified already', () => {
    const error = new WaybillError('INTERRUPTED', 'stopped');
    expect(classifyMongoError(error, attempted)).toBe(error);
  });
});

describe('serverText', () => {
  it.each([
    ['E11000 duplicate key error collection: d.c index: a_1 dup key: { a: "v" }', undefined],
    ['Plan executor error during update :: caused by :: found _id: "v"', undefined],
    ['(immutable) field \'_id\' was found to have been altered to _id: "v"', 66],
    ['failed at mongodb://user:v@host/', undefined],
    ['bad document { a: "v"', undefined],
    ['language override unsupported: "v"', 17262],
  ])('hides values: %s', (message, code) => {
    expect(serverText(message, code)).not.toMatch(/"v"|:v@/);
  });
});
