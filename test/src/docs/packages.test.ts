/** The packages and the manual ask for the same Node. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../../', import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const json = <T>(path: string): T => JSON.parse(text(path)) as T;

interface Manifest {
  readonly engines?: { readonly node?: string };
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly optional?: boolean;
}

const declared = /^>=(\d+\.\d+\.\d+)$/.exec(json<Manifest>('package.json').engines?.node ?? '')?.[1] ?? '';

it('runs without a word from npm on the oldest Node that it names, in every installed package', () => {
  const { packages } = json<{ packages: Record<string, Manifest> }>('package-lock.json');
  const refused = Object.entries(packages)
    .filter(([, { optional, engines }]) => !optional && engines?.node !== undefined)
    .filter(([, { engines }]) => !satisfies(declared, engines?.node ?? ''))
    .map(([name, { engines }]) => `${name} wants ${engines?.node}`);
  expect(refused).toEqual([]);
  expect(json<Manifest>('cli/package.json').engines).toEqual(json<Manifest>('package.json').engines);
});

it('is told in the manual and the gate', () => {
  const [major, minor] = declared.split('.');
  for (const page of ['docs/quick-start.md', 'CONTRIBUTING.md', '.ci/run']) {
    expect(text(page), page).toContain(`Node ${major}.${minor}`);
  }
});

it('brings the Node that the launcher hands over to, also where it is installed as a package', () => {
  expect(json<Manifest>('cli/package.json').optionalDependencies?.node).toMatch(/^24\.\d+\.\d+$/);
});

/** Ranges as packages write them for engines: `*`, `>=18`, `^20.19.0 || >=22.12.0`, `>=10 <25`. */
function satisfies(version: string, range: string): boolean {
  return range.split('||').some((part) => {
    const comparators = part
      .trim()
      .replace(/(>=|<=|>|<|\^|~|=)\s+/g, '$1')
      .split(/\s+/);
    return comparators.every((each) => meets(numbers(version), each));
  });
}

function meets(version: readonly number[], comparator: string): boolean {
  const [, operator = '', wanted = ''] = /^(>=|<=|>|<|\^|~|=)?v?([\d.x*]*)$/.exec(comparator) ?? ['', '?'];
  if (wanted === '' || wanted === '*') return true;
  const order = compare(version, numbers(wanted));
  switch (operator) {
    case '>=':
      return order >= 0;
    case '>':
      return order > 0;
    case '<=':
      return order <= 0;
    case '<':
      return order < 0;
    case '^':
    case '':
      return order >= 0 && version[0] === numbers(wanted)[0];
    default:
      throw new Error(`Cannot read the range ${comparator}`);
  }
}

const numbers = (version: string): number[] => version.split('.').map((part) => Number(part) || 0);

function compare(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < 3; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
