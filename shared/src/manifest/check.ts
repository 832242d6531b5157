/**
 * Checks if a commit can follow a state: the chain, the epochs, and that nothing goes back. Pure.
 */
import type { Commit, SegmentEntry } from './commit.ts';
import { addCounts, NO_LETTERS, openLetters } from './dead-letters.ts';
import { timeOf } from './position.ts';
import type { StreamState } from './state.ts';

type Check = (state: StreamState, commit: Commit) => string | undefined;

/** The single rules, in the order in which a reader applies them. */
export const COMMIT_RULES = {
  chain: checkChain,
  owner: checkOwner,
  position: checkPosition,
  sequences: checkSequences,
  chunks: checkChunks,
  deadLetters: checkDeadLetters,
} as const satisfies Readonly<Record<string, Check>>;

export type CommitRule = keyof typeof COMMIT_RULES;

/** Returns what does not fit, or undefined. */
export function checkCommit(state: StreamState, commit: Commit): string | undefined {
  for (const check of Object.values(COMMIT_RULES)) {
    const fault = check(state, commit);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function checkChain(state: StreamState, commit: Commit): string | undefined {
  if (commit.seq !== state.seq + 1) return `it is number ${commit.seq}, and ${state.seq + 1} comes next`;
  if (commit.previous === state.hash) return undefined;
  return `it does not chain: the hash that it carries is not that of commit ${state.seq}`;
}

function checkOwner(state: StreamState, commit: Commit): string | undefined {
  if (commit.note) {
    const own = new Set([
      'formatVersion',
      'features',
      'seq',
      'epoch',
      'writer',
      'attempt',
      'previous',
      'at',
      'note',
    ]);
    const other = Object.keys(commit).find((field) => !own.has(field) && field !== 'milestones');
    if (other !== undefined) return `it is a note and has the field ${other}`;
    if (state.epoch === 0) return 'it is a note in a log that nobody owns';
    return commit.epoch === state.epoch
      ? undefined
      : `it is a note of epoch ${commit.epoch} in epoch ${state.epoch}`;
  }
  if (commit.epoch === state.epoch + 1) return undefined;
  if (commit.epoch !== state.epoch) return `its epoch is ${commit.epoch}, after epoch ${state.epoch}`;
  return commit.writer === state.writer
    ? undefined
    : `another writer than epoch ${state.epoch}'s owner wrote it`;
}

function checkPosition(state: StreamState, commit: Commit): string | undefined {
  if (!commit.position || !state.position) return undefined;
  return (timeOf(commit.position) ?? 0n) < (timeOf(state.position) ?? 0n)
    ? `its position ${commit.position.clusterTime} is before ${state.position.clusterTime}`
    : undefined;
}

function checkSequences(state: StreamState, commit: Commit): string | undefined {
  let last = state.lastSequence;
  let hasChanges = false;
  for (const segment of commit.segments ?? []) {
    if (segment.kind !== 'changes') continue;
    hasChanges = true;
    if (segment.firstSequence !== last + 1) return `its changes do not go on at sequence ${last + 1}`;
    const fault = checkChangeSegment(segment);
    if (fault !== undefined) return fault;
    last = segment.lastSequence!;
  }
  if (hasChanges && commit.ddl) return 'it has a structure change and a change segment';
  if (commit.lastSequence === undefined) return undefined;
  if (hasChanges && commit.lastSequence !== last)
    return `its last sequence is not ${last}, where its changes end`;
  return commit.lastSequence < last
    ? `its last sequence ${commit.lastSequence} is before ${last}`
    : undefined;
}

function checkChangeSegment(segment: SegmentEntry): string | undefined {
  const { firstSequence: first, lastSequence: last, lanes = [] } = segment;
  if (first === undefined || last === undefined) return 'a change segment names no sequences';
  if (segment.records !== last - first + 1)
    return `a change segment of sequences ${first} to ${last} has gaps`;
  let records = 0;
  for (const run of lanes) {
    if (run.firstSequence < first || run.lastSequence > last || run.offset + run.length > segment.bytes) {
      return `the run of lane ${run.lane} leads out of its segment`;
    }
    records += run.records;
  }
  return records === segment.records ? undefined : "the lanes' records do not add up to the segment's";
}

function checkChunks(state: StreamState, commit: Commit): string | undefined {
  const planned = new Set<string>();
  for (const { namespace, chunk } of commit.plan ?? []) {
    const name = `${chunk} ${namespace}`;
    if (planned.has(name) || state.chunks.get(namespace)?.has(chunk))
      return `chunk ${chunk} of ${namespace} is planned again`;
    planned.add(name);
  }
  for (const { namespace, chunk, records } of commit.chunks ?? []) {
    const known = state.chunks.get(namespace)?.get(chunk);
    if (!known && !planned.has(`${chunk} ${namespace}`))
      return `chunk ${chunk} of ${namespace} was never planned`;
    if (known?.progress?.done) return `chunk ${chunk} of ${namespace} was done already`;
    if (known?.progress && records < known.progress.records)
      return `chunk ${chunk} of ${namespace} goes back`;
  }
  return undefined;
}

function checkDeadLetters({ deadLetters: before }: StreamState, commit: Commit): string | undefined {
  const file = commit.deadLetters;
  if (!file) return undefined;
  const next = (before?.letters ?? 0) + 1;
  if (file.firstLetter !== next) return `its dead letters do not go on at number ${next}`;
  let opened = 0;
  for (const [rule, counts] of Object.entries(file.rules)) {
    opened += counts.opened;
    const sum = addCounts(before?.rules[rule] ?? NO_LETTERS, counts);
    if (openLetters(sum) < 0) return `it closes more dead letters of ${rule} than are open`;
  }
  return opened === file.letters ? undefined : 'its dead letters do not add up by rule';
}
