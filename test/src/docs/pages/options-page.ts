/** docs/options.md, from the table of options. */
import { environmentName, OPTION_SPECS, type OptionName } from 'waybill/options/options';
import { COMMANDS } from 'waybill/options/spec/commands';
import type { OptionSpec } from 'waybill/options/spec/option';
import { formatDefault } from 'waybill/options/spec/value';

const FORMS: Readonly<Record<OptionSpec['type'], string>> = {
  string: 'text',
  integer: 'whole number',
  size: 'size: `8MiB`, `64MB`, bytes',
  duration: 'duration: `500ms`, `30s`, `5m`, `2h`',
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

Every option can be given as a flag (\`--chunk-size 64MiB\`), as an environment variable
(\`${environmentName('chunk-size')}=64MiB\`), or as a key of the YAML file that \`--config\` names (\`chunk-size: 64MiB\`).
A flag wins over the environment, the environment over the file, the file over the default. An option, a key
or a variable \`WAYBILL_…\` that does not exist is an error. Other variables that are read: \`WAYBILL_DEBUG\` (stacks beside every error),
\`WAYBILL_CACHE\` (a folder for what was fetched or compiled), \`WAYBILL_MONGOD\` (the server that demo and tests run).

A connection string may be given as \`env:NAME\` (the value of that environment variable) or \`file:/path\` (the content
of that file), so that it does not show in the process list.
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
  return [flag, form, byDefault, commands, `${spec.describe}${example}`].map((cell) =>
    cell.replaceAll('|', '\\|'),
  );
}
