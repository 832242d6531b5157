import { exec } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { commandToType } from './command-to-type.ts';

const checkout = fileURLToPath(new URL('../../../', import.meta.url));
const launcher = `${checkout}cli/bin/waybill.js`;

it.each([
  ['npx waybill', launcher, { npm_execpath: '/usr/lib/npm-cli.js' }],
  [`node ${launcher}`, launcher, {}],
])('is %s where that works', async (command, started, environment) => {
  expect(commandToType(started, environment)).toBe(command);
  const { stdout } = await promisify(exec)(`${command} --version`, { cwd: checkout });
  expect(stdout.trim()).toBe(packageJson.version);
});

it('is the command itself where it is installed', () => {
  expect(commandToType('/usr/local/bin/waybill', {})).toBe('waybill');
});
