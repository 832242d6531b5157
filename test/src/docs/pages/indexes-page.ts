/** docs/indexes.md, from the profiles in load/src/target/profiles. */
import { PROFILES } from '@waybill/load/target/profiles/all';
import type { TargetProfile } from '@waybill/load/target/profiles/profile';

export function renderIndexesPage(): string {
  const kinds = Object.entries(PROFILES).map(([kind, profile]) => `| \`${kind}\` | ${row(profile)} |`);
  return `# Indexes on each kind of target

This page is made from the profiles in \`load/src/target/profiles\` by \`npm run docs:generate\`; a test holds them
together.

A load translates every index of the source, and gives each a verdict. Its last lines and \`--json\` name
those that are not ok; \`status\` names the blocked ones.

| verdict | what stands on the target | for instance |
|---|---|---|
| ok | the source's index, until the cutover in its [held-back form](targets.md#held-back-until-cutover) | |
| altered | the index, but for a part that no target has; the note names it | index version 0; an expiry that never comes |
| skipped | none: no current server has such an index, or \`--indexes none\` was given | geoHaystack |
| blocked | none, or one without being unique; the note has the reason. The cutover stops until it is [accepted](operations.md#what-the-target-may-lack-or-have-of-its-own) | a kind below; a unique index that does not begin with the [shard key](targets.md#sharded-targets) of the target; whatever the target refuses by itself |
| deferred | it waits for the cutover: another index differs only in what is held back, or it refused a document of the stream | |

What is refused by its kind is not even tried. Everything else is, and the target's own words are the reason where it
refuses.

## By kind

A dash stands for what MongoDB has. Kinds of keys are \`hashed\`, \`2d\`, \`2dsphere\`, \`text\` and wildcard.

| kind | refused keys | refused options | fields in a key | indexes in a collection | bytes of an entry | builds |
|---|---|---|---|---|---|---|
${kinds.join('\n')}

Where a target builds them one by one, the load sends one command for each index of a collection. Where it answers
before an index is built, the load asks for the list of indexes, with growing pauses of at most ten seconds, until the
index is there.

While indexes are built, the log says every ten seconds how far they are, as \`$currentOp\` shows it to a user with
\`clusterMonitor\`. On a kind of target without it, or for another user, the line has no number.
`;
}

function row({ indexes, abilities }: TargetProfile): string {
  const list = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ') || '–';
  const { refusedKinds, refusedFields, keyFields, perCollection, entryBytes } = indexes;
  const together = abilities.buildsIndexesTogether ? 'several in one command' : 'one by one';
  const builds = abilities.answersWhenBuilt ? together : `${together}; answers before they are built`;
  const numbers = [keyFields, perCollection, entryBytes].map((limit) => String(limit ?? '–'));
  return [list(refusedKinds), list(refusedFields), ...numbers, builds].join(' | ');
}
