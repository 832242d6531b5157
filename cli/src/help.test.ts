import { describe, expect, it } from 'vitest';
import { COMMANDS } from './commands/commands.ts';
import { helpText } from './help.ts';
import { OPTION_SPECS } from './options/options.ts';

const longest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));
const beforeExamples = (text: string): string => text.slice(0, text.indexOf('\nExamples:\n'));

interface Shown {
  readonly group: string;
  readonly name: string;
  readonly hasValue: boolean;
  description: string;
}

/**
 * Read as a person does: headings, terms below each other, and descriptions in a column beside
 * them.
 */
function shownOptions(text: string): Shown[] {
  const shown: Shown[] = [];
  let group = '';
  let column = 0;
  for (const line of beforeExamples(text).split('\n')) {
    const option = /^ {2}(?: {4}|-., )--\S+( <\w+>)? +/.exec(line);
    const last = shown.at(-1);
    if (/^\S.*:$/.test(line)) {
      group = line.slice(0, -1);
    } else if (option) {
      column ||= option[0].length;
      expect(option[0].length, line).toBe(column);
      const name = option[0].replace(/<\w+>/, '').trim();
      shown.push({ group, name, hasValue: option[1] !== undefined, description: line.slice(column) });
    } else if (last && line !== '') {
      expect(line.slice(0, column).trim()).toBe('');
      last.description += ` ${line.slice(column)}`;
    }
  }
  return shown;
}

describe.each(COMMANDS)('the help of $name', (command) => {
  const text = helpText(COMMANDS, command, undefined);

  it('shows its options in their groups and in order, with value, choices and default', () => {
    const expected = [...OPTION_SPECS]
      .filter(([, spec]) => spec.commands.includes(command.name))
      .map(([name, spec]) => ({
        group: spec.group,
        name: `${spec.alias ? `-${spec.alias}, ` : ''}--${name}`,
        hasValue: spec.type !== 'boolean',
        description: [
          spec.describe,
          ...(spec.choices ? [`(${spec.choices.join(', ')})`] : []),
          ...(spec.default ? [`[default: ${spec.default}]`] : []),
          ...(spec.requiredBy?.includes(command.name) ? ['[needed]'] : []),
        ].join(' '),
      }));
    const general = [
      { group: 'Options', name: '--version', hasValue: false, description: 'Show the version.' },
      { group: 'Options', name: '-h, --help', hasValue: false, description: 'Show this help.' },
    ];
    expect(shownOptions(text)).toEqual([...expected, ...general]);
  });

  it('ends with its examples, each on a line of its own', () => {
    const shown = command.examples.map(
      ([line, meaning]) => `  ${line.replace('$0', 'waybill')}\n      ${meaning}\n`,
    );
    expect(text.endsWith(`\n\nExamples:\n${shown.join('')}`)).toBe(true);
  });

  it('is as wide as the terminal, and never wider than 110 columns', () => {
    expect(longest(text)).toBeLessThanOrEqual(110);
    expect(helpText(COMMANDS, command, 300)).toBe(text);
    expect(helpText(COMMANDS, command, 0)).toBe(text);
    for (const columns of [60, 80, 100]) {
      const narrow = beforeExamples(helpText(COMMANDS, command, columns)).split('\n');
      const items = narrow.filter((line) => line.startsWith('  '));
      expect(longest(items.join('\n'))).toBeLessThanOrEqual(columns);
    }
  });
});

it('the help of all is as wide as the terminal', () => {
  expect(longest(helpText(COMMANDS, undefined, undefined))).toBeLessThanOrEqual(110);
  expect(longest(helpText(COMMANDS, undefined, 60))).toBeLessThanOrEqual(60);
});
