/** docs/options.md, from the table of options. */
import { environmentName, OPTION_SPECS, type OptionName } from 'waybill/options/options';
import { COMMANDS } from 'waybill/options/spec/commands';
import type { OptionSpec } from 'waybill/options/spec/option';
import { formatDefault } from 'waybill/options/spec/value';

const FORMS: Readonly<Record<OptionSpec['type'], string>> = {
  string: 'text',
  integer: 'whole number',
  limit: 'whole number or `unlimited`',
  size: 'size: `8MiB`, `64MB`, bytes',
  duration: 'duration: `500ms`, `30s`, `5m`, `2h`',
  rate: 'rate: `5000/s`, `20MiB/s`, both, `none`',
  boolean: 'yes or no',
  list: 'list',
  enum: '',
  connection: 'connection string, `env:NAME` or `file:/path`',
};

export function renderOptionsPage(): string {
  const groups = new Map<string, [OptionName, OptionSpec][]>();
  for (const [name, spec] of OPTION_SPECS) {
    groups.set(spec.group, [...(groups.get(spec.group) ?? []), [name, spec]]);
  }
  const parts = [...groups].map(([group, options]) => {
    const rows = options.map(([name, spec]) => `| ${cells(name, spec).join(' | ')} |`);
    return `## ${group}\n\n| option | value | default | commands | meaning |\n|---|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `${INTRODUCTION}\n${parts.join('\n')}`;
}

const INTRODUCTION = `# Options

This page is made from \`cli/src/options/options.ts\` by \`npm run docs:generate\`; a test holds the two together.

You can give every option as a flag (\`--chunk-size 64MiB\`), as an environment variable
(\`${environmentName('chunk-size')}=64MiB\`), or as a key of the YAML file that \`--config\` names
(\`chunk-size: 64MiB\`). A flag wins over the environment, the environment over the file, and the file
over the default.

A flag must belong to the command. The environment and the file may serve several commands, so they
may hold options of other commands. Any name that no command knows is an error, with a suggestion:
a flag, a key of the file, or a variable \`WAYBILL_…\`. An empty variable counts as not set.

Three variables are no options: \`WAYBILL_DEBUG\` (print stacks with every error), \`WAYBILL_CACHE\` (the
folder for downloads and compiled code) and \`WAYBILL_MONGOD\` (the server that demo and tests run).

Give a connection string as \`env:NAME\` (the value of that environment variable) or \`file:/path\` (the
content of that file) to keep it out of the process list.

\`waybill completion\` prints a script that completes commands, options and choices in bash, or in zsh
if that is your shell. Add it to your \`~/.bashrc\` or \`~/.zshrc\`.

**Bold** commands need the option.
`;

function cells(name: OptionName, spec: OptionSpec): string[] {
  const flag = `\`--${name}\`${spec.alias ? `, \`-${spec.alias}\`` : ''}`;
  const form = spec.choices ? spec.choices.map((choice) => `\`${choice}\``).join(', ') : FORMS[spec.type];
  const everywhere = spec.commands.length === COMMANDS.length;
  const commands = everywhere
    ? 'all'
    : spec.commands.map((each) => (spec.requiredBy?.includes(each) ? `**${each}**` : each)).join(', ');
  const example = spec.example ? ` Example: \`${spec.example}\`` : '';
  const written = formatDefault(spec);
  const byDefault = written ? `\`${written}\`` : spec.type === 'boolean' ? 'no' : '';
  return [flag, form, byDefault, commands, `${spec.describe.replaceAll('<', '&lt;')}${example}`].map((cell) =>
    cell.replaceAll('|', '\\|'),
  );
}
