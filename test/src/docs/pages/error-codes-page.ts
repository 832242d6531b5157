/** docs/error-codes.md, from the table of error codes. */
import { ERROR_CODES, type ErrorKind, EXIT_CODES } from '@waybill/shared/base/error-codes';

const KIND_MEANINGS: Readonly<Record<ErrorKind, string>> = {
  usage: 'the command line, a configuration key, or what they name is wrong',
  failed: 'something refuses or fails for good',
  transient: 'may pass; retried within bounds before it is reported',
  difference: 'a check or a verification found differences',
  fenced: 'another process owns the stream or the load now',
  'history-lost': 'the source no longer has the changes that are needed, or was put back to an older state',
  interrupted: 'stopped on request before the work was done',
};

export function renderErrorCodesPage(): string {
  const exits = Object.entries(EXIT_CODES).map(
    ([kind, code]) => `| ${code} | ${kind} | ${KIND_MEANINGS[kind as ErrorKind]} |`,
  );
  const codes = Object.entries(ERROR_CODES).map(
    ([code, { kind, meaning }]) => `| \`${code}\` | ${kind} | ${EXIT_CODES[kind]} | ${meaning} |`,
  );
  return `# Error codes

This page is made from \`shared/src/base/error-codes.ts\` by \`npm run docs:generate\`; a test holds the two together.

An error on stderr says what happened, its code, what it concerns, and what to do next; with \`--json\` or
\`--log-format json\` the same as one JSON object. The exit code follows from the code's kind. A capture or a load that is
stopped by SIGINT or SIGTERM finishes its commit and exits with 0; a second signal exits at once with 130.

## Exit codes

| exit | kind | meaning |
|---|---|---|
| 0 | | done, or stopped cleanly on request |
${exits.sort((a, b) => exitOf(a) - exitOf(b)).join('\n')}

## Codes

| code | kind | exit | meaning |
|---|---|---|---|
${codes.join('\n')}
`;
}

const exitOf = (row: string): number => Number(/\d+/.exec(row)?.[0]);
