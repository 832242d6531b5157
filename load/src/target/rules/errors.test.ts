import {
  isAuthenticationCode,
  isTransientServerCode,
  SERVER_CODES,
  type ServerCodeName,
} from '@waybill/shared/mongo/driver/server-codes';
import { describe, expect, it } from 'vitest';
import { AZURE_DOCUMENTDB } from '../profiles/azure-documentdb.ts';
import { FIRESTORE } from '../profiles/firestore.ts';
import { BASE_ERRORS } from './base-errors.ts';
import type { ErrorRule } from './error-rule.ts';
import { type ErrorFacts, UNLISTED, verdictOn } from './errors.ts';

const facts = (name: ServerCodeName, given: Partial<ErrorFacts> = {}): ErrorFacts => ({
  of: 'statement',
  code: SERVER_CODES[name],
  labels: [],
  message: 'said so',
  ...given,
});
const classOf = (name: ServerCodeName, given?: Partial<ErrorFacts>, own: readonly ErrorRule[] = []): string =>
  verdictOn(own, facts(name, given)).class;

describe("MongoDB's errors", () => {
  it('have one rule for each code and part', () => {
    const keys = BASE_ERRORS.flatMap(({ code, of }) =>
      of ? [`${code} ${of}`] : [`${code} command`, `${code} statement`],
    );
    const doubles = keys.filter((key, at) => keys.indexOf(key) !== at);
    // Whatever is not of one statement is the deployment's.
    expect(doubles).toEqual(['IllegalOperation statement']);
  });

  it('are transient where shared takes them for transient', () => {
    const names = Object.keys(SERVER_CODES) as ServerCodeName[];
    const wrong = names.filter(
      (name) => isTransientServerCode(SERVER_CODES[name]) && classOf(name, { of: 'command' }) !== 'transient',
    );
    expect(wrong).toEqual([]);
  });

  it('are fatal where the credentials are wrong', () => {
    const names = Object.keys(SERVER_CODES) as ServerCodeName[];
    const wrong = names.filter(
      (name) => isAuthenticationCode(SERVER_CODES[name]) && classOf(name, { of: 'command' }) !== 'fatal',
    );
    expect(wrong).toEqual([]);
  });

  it.each<[string, ServerCodeName, ErrorFacts['of'], string]>([
    ['a conflict', 'WriteConflict', 'statement', 'transient'],
    ['a full disk, which waits', 'OutOfDiskSpace', 'command', 'transient'],
    ['a rate limit', 'RequestRateTooLarge', 'command', 'transient'],
    ['a transaction that is gone', 'NoSuchTransaction', 'command', 'transient'],
    ['a message that is too large', 'BSONObjectTooLarge', 'command', 'split'],
    ['a document that is too large', 'BSONObjectTooLarge', 'statement', 'recoverable'],
    ['a duplicate', 'DuplicateKey', 'statement', 'recoverable'],
    ['a validator', 'DocumentValidationFailure', 'statement', 'poison'],
    ['a bad value', 'BadValue', 'statement', 'poison'],
    ['no rights', 'Unauthorized', 'statement', 'fatal'],
    ['no such command', 'CommandNotFound', 'command', 'fatal'],
    ['an unknown field', 'IDLUnknownField', 'command', 'fatal'],
    ['a command that the tier lacks', 'AtlasError', 'command', 'fatal'],
    ['a write concern without members', 'UnsatisfiableWriteConcern', 'command', 'fatal'],
    ['a later owner', 'TransactionTooOld', 'command', 'fenced'],
  ])('%s', (_, name, of, expected) => {
    expect(classOf(name, { of })).toBe(expected);
  });

  it('yield to a label, which knows more than the code', () => {
    expect(classOf('BadValue', { labels: ['RetryableError'] })).toBe('transient');
    const overloaded = verdictOn(
      [],
      facts('BadValue', { labels: ['RetryableError', 'SystemOverloadedError'] }),
    );
    expect(overloaded).toMatchObject({ class: 'transient', pushesBack: true });
    expect(classOf('BadValue', { labels: ['NoWritesPerformed'] })).toBe('poison');
    expect(classOf('TransactionTooOld', { labels: ['TransientTransactionError'] })).toBe('fenced');
  });

  it('still say to send less, or smaller batches, where a label calls for a retry', () => {
    const labelled = (name: ServerCodeName, ...labels: string[]) =>
      verdictOn([], facts(name, { labels, of: 'command' }));
    const conflict = labelled('WriteConflict', 'RetryableError');
    expect(conflict).toMatchObject({ class: 'transient', pushesBack: true });
    const closing = labelled('ShutdownInProgress', 'SystemOverloadedError');
    expect(closing).toMatchObject({ class: 'transient', pushesBack: true });
  });

  it('are poison where nobody has listed them', () => {
    expect(verdictOn([], { of: 'command', code: 999_999, labels: [], message: '' })).toBe(UNLISTED);
  });
});

describe('a kind of target has rules of its own', () => {
  it('Firestore: code 2 by its words, and half a batch after the deadline', () => {
    const of = 'command';
    const gone = ['Transaction not found', 'the referenced transaction has expired', 'no such transaction'];
    for (const message of gone) {
      expect(classOf('BadValue', { message }, FIRESTORE.errors), message).toBe('transient');
    }
    expect(classOf('BadValue', { message: 'index entry too large' }, FIRESTORE.errors)).toBe('poison');
    expect(verdictOn(FIRESTORE.errors, facts('ExceededTimeLimit', { of }))).toMatchObject({
      class: 'split',
      pushesBack: true,
    });
    expect(classOf('ExceededTimeLimit', {}, FIRESTORE.errors)).toBe('transient');
  });

  it('Azure: half a batch after two minutes', () => {
    expect(classOf('MaxTimeMSExpired', { of: 'command' }, AZURE_DOCUMENTDB.errors)).toBe('split');
    expect(classOf('MaxTimeMSExpired', { of: 'command' })).toBe('transient');
  });
});
