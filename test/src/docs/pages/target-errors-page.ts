/** docs/target-errors.md, from the tables of errors in load/src/target. */
import { PROFILES } from '@waybill/load/target/profiles/all';
import { BASE_ERRORS, LABEL_ERRORS } from '@waybill/load/target/rules/base-errors';
import type { ErrorClass, ErrorRule } from '@waybill/load/target/rules/error-rule';
import { SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';

const CLASS_MEANINGS: Readonly<Record<ErrorClass, string>> = {
  transient:
    'the same write may succeed later. The load repeats it, with growing waits of at most ten seconds, for up to five minutes; then it stops, and the next start goes on',
  split: 'a smaller batch may succeed. The load sends the two halves, and so on',
  recoverable: 'another statement may bring the same document there. Where there is none, it is refused',
  poison:
    'the target refuses this document for good. It stops the load, named; its neighbours are written all the same',
  fatal: 'no such write can succeed. The load stops at once, with a hint',
  fenced: 'another process owns the load now. This one ends',
};

export function renderTargetErrorsPage(): string {
  const classes = Object.entries(CLASS_MEANINGS).map(([name, meaning]) => `| ${name} | ${meaning} |`);
  const labels = LABEL_ERRORS.map(
    (rule) => `| \`${rule.label}\` | ${rule.class} | ${backsOff(rule)} | ${rule.reason} |`,
  );
  const kinds = Object.values(PROFILES)
    .filter(({ errors }) => errors.length > 0)
    .map(({ title, errors }) => `### ${title[0]!.toUpperCase()}${title.slice(1)}\n\n${table(errors)}`);
  return `# Errors of targets

This page is made from \`load/src/target/rules/base-errors.ts\` and the profiles in \`load/src/target/profiles\` by
\`npm run docs:generate\`; a test holds them together.

A load judges every error that a target gives to a write. The first rule that fits decides: those of the kind of target,
then labels, then the table of MongoDB. A code that nobody has listed counts as poison: the target refuses one document.
If a whole command fails so, the load sends its halves until it has found the document. If every document is refused
alone, the command is to blame, and the load stops.

## Classes

| class | what it means, and what the load does |
|---|---|
${classes.join('\n')}

*Slower* says that the target asks for fewer writes: the load sends fewer batches at once.

## By label

| label | class | slower | why |
|---|---|---|---|
${labels.join('\n')}

## By code

${table(BASE_ERRORS)}

## What differs by kind of target

A kind that is not named here has the table of MongoDB.

${kinds.join('\n\n')}
`;
}

function table(rules: readonly ErrorRule[]): string {
  const rows = rules.map(
    (rule) =>
      `| ${SERVER_CODES[rule.code]} | \`${rule.code}\` | ${rule.of ?? 'both'} | ${rule.class} | ${backsOff(rule)} | ${rule.reason} |`,
  );
  return `| code | name | failed | class | slower | why |\n|---|---|---|---|---|---|\n${rows.join('\n')}`;
}

const backsOff = ({ pushesBack }: { readonly pushesBack?: true }): string => (pushesBack ? 'yes' : '');
