import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { describeError } from '../../base/logger.ts';
import { redact } from '../../base/secret.ts';
import { connect } from './connect.ts';
import { directUri } from './server-pins.ts';
import { hostsOf } from './uri.ts';

describe('hostsOf', () => {
  it.each([
    ['mongodb://h', 'mongodb://h'],
    ['mongodb://u:p@h:1,h2:2/db?x=1', 'mongodb://h:1,h2:2'],
    ['mongodb+srv://u:p%40q@cluster.example.net/?a=b', 'mongodb+srv://cluster.example.net'],
    ['mongodb://[::1]:27017/', 'mongodb://[::1]:27017'],
    ['mongodb://h/db?authMechanismProperties=A:b,C:d%40e', 'mongodb://h'],
    ['u:p@h', '(a connection string that is not valid)'],
  ])('%s shows as %s', (uri, shown) => {
    expect(hostsOf(uri)).toBe(shown);
  });
});

/**
 * If a password is not percent-encoded, a piece of it stands where a driver looks for hosts,
 * options or a port.
 */
const UNESCAPED = [
  ...[
    '@',
    '@@',
    '/',
    '?',
    '#',
    ':',
    '%',
    '[',
    ']',
    ' ',
    '@/',
    '/@',
    '?@',
    '?a=',
    '&a=@',
    ',@',
    '%4',
    '#@',
    '@:',
  ],
  ...['/db?a=', ':27017/', '@h:1,'],
].flatMap((special) => [
  `mongodb://user:left${special}right@host.invalid:1/db?w=1`,
  `mongodb+srv://user:left${special}right@host.invalid`,
  `mongodb://left${special}right:pass@host.invalid/`,
]);

describe('a password that is not percent-encoded', () => {
  it.each(UNESCAPED)('is refused, and no piece of it is shown: %s', async (uri) => {
    const failed = await connect(uri, { role: 'source', serverSelectionTimeoutMs: 1 }).catch(
      (error) => error,
    );
    expect(failed).toMatchObject({
      code: 'MONGO_URI_INVALID',
      hint: expect.stringContaining('%40'),
    });
    expect(failed.message).toContain('not percent-encoded');
    const shown = [hostsOf(uri), inspect(failed, { depth: 9 }), JSON.stringify(describeError(failed))].join();
    // The stack has this file's own lines, not the string's.
    expect(shown).not.toMatch(/left|right|pass@/);
  });

  it.each([
    'mongodb://user:hunter2',
    'mongodb://user:hunter2/db',
    'mongodb://:hunter2@',
    'mongodb://u:p@h:hunter2',
  ])('nor is what stands in the place of a port: %s', async (uri) => {
    const failed = await connect(uri, { role: 'target' }).catch((error) => error);
    expect(failed).toMatchObject({ code: 'MONGO_URI_INVALID' });
    expect(hostsOf(uri) + inspect(failed, { depth: 9 })).not.toContain('hunter2');
  });

  it('does not keep back which side it is', async () => {
    const failed = await connect('mongodb://u:p@ss/w@h', { role: 'target' }).catch((error) => error);
    expect(failed).toMatchObject({ code: 'MONGO_URI_INVALID', context: { role: 'target' } });
  });

  it('is hidden in any text that quotes it', () => {
    for (const uri of UNESCAPED.filter((each) => !each.includes(' '))) {
      expect(redact(`failed at ${uri} today`), uri).not.toMatch(/left|right/);
    }
  });
});

describe('what a driver says of options', () => {
  it('is kept where it cannot quote a secret', async () => {
    const failed = await connect('mongodb://operator:p%40ss@h/?unknownOption=1', { role: 'source' }).catch(
      (error) => error,
    );
    expect(failed).toMatchObject({
      code: 'MONGO_URI_INVALID',
      message: expect.stringContaining('not supported'),
    });
    const properties = 'mongodb://h/?authMechanism=MONGODB-AWS&authMechanismProperties=hunter2';
    const other = await connect(properties, { role: 'source' }).catch((error) => error);
    expect(inspect(other, { depth: 9 })).not.toContain('hunter2');
  });
});

describe('directUri', () => {
  it('keeps credentials and options, and drops what speaks of several hosts', () => {
    expect(
      directUri(
        'mongodb+srv://u:p@c.net/admin?replicaSet=rs&authSource=x&retryWrites=false&srvMaxHosts=2',
        'h:27017',
      ),
    ).toBe('mongodb://u:p@h:27017/admin?retryWrites=false');
    expect(directUri('mongodb://a,b', 'b:27017')).toBe('mongodb://b:27017/');
  });
});
