/** Codes of servers stand in one table, named: shared/src/mongo/driver/server-codes.ts. */
import { SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';
import { expect, it } from 'vitest';
import { SOURCES } from './source.ts';

const TABLE = 'shared/src/mongo/driver/server-codes.ts';
/** The demo's application is a user of MongoDB like any other. */
const PRODUCT = SOURCES.filter(
  ({ path, isTest, workspace }) => !isTest && workspace !== 'demo' && path !== TABLE,
);

/** Numbers that are hardly anything else. */
const UNMISTAKABLE = Object.values(SERVER_CODES).filter((code) => code > 8000);
const CONSTANTS = Object.keys(SERVER_CODES).map((name) =>
  name.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase(),
);

const FORBIDDEN: readonly RegExp[] = [
  // code === 59, serverCode(error) !== 13, error.code == 26
  /[cC]ode\b(?:\([^)]*\))?\s*[!=]==?\s*\d/,
  // *_CODES = new Set([43, …]), codes.has(11)
  /codes\b[^;]{0,80}?(?:\[\s*|\b(?:has|includes)\(\s*)\d/i,
  new RegExp(`\\b(?:${UNMISTAKABLE.join('|')})\\b`),
  new RegExp(`\\b(?:${CONSTANTS.join('|')})\\s*=\\s*\\d`),
];

function offences(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
  return FORBIDDEN.flatMap((pattern) => pattern.exec(code)?.[0] ?? []);
}

it('finds a server code that has no name', () => {
  for (const bad of [
    'if (error.code === 59) return;',
    'if (serverCode(error) !== 13) throw error;',
    'const LOST_CODES: ReadonlySet<number> = new Set([43, 136]);',
    'const NAMESPACE_NOT_FOUND = 26;',
    'case 11000:',
  ]) {
    expect(offences(bad), bad).toHaveLength(1);
  }
  expect(offences('// code === 59\nif (hasServerCode(error, "CommandNotFound")) return;')).toEqual([]);
});

it('has all server codes in one table', () => {
  expect(PRODUCT.length).toBeGreaterThan(200);
  const found = PRODUCT.flatMap(({ path, text }) => offences(text).map((offence) => `${path}: ${offence}`));
  expect(found).toEqual([]);
});
