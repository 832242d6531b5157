/**
 * The fold of a log that may be damaged: what does not fit becomes a finding, and the fold goes on.
 * Behind a commit that could not be read, a rule is left out until what it needs is known again, so
 * one damage makes one finding. Pure.
 */
import { COMMIT_RULES, type CommitRule } from '@waybill/shared/manifest/check';
import type { ChainedCommit } from '@waybill/shared/manifest/codec';
import type { Commit } from '@waybill/shared/manifest/commit';
import { applyCommit } from '@waybill/shared/manifest/fold';
import { EMPTY_STATE, type StreamState } from '@waybill/shared/manifest/state';
import type { FindingKind, Findings } from './findings.ts';

const RULES = Object.keys(COMMIT_RULES) as CommitRule[];

export class LenientFold {
  readonly #findings: Findings;
  readonly #unknown = new Set<CommitRule>();
  #state = EMPTY_STATE;
  #isUnbroken = true;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  get state(): StreamState {
    return this.#state;
  }

  /** No commit is lost and none was exchanged so far: what is summed up over all of them holds. */
  get isUnbroken(): boolean {
    return this.#isUnbroken;
  }

  /** The next commit that could be read. */
  take(next: ChainedCommit, key: string): void {
    const { commit } = next;
    if (commit.seq !== this.#state.seq + 1) this.#lose(commit.seq - 1);
    for (const rule of RULES) {
      if (this.#unknown.has(rule)) continue;
      const fault = COMMIT_RULES[rule](this.#state, commit);
      if (fault === undefined) continue;
      const { kind, detail } = describe(rule, fault, this.#state, commit);
      this.#findings.add(kind, key, detail);
      if (rule === 'chain') this.#isUnbroken = false;
    }
    this.#state = applyCommit(this.#state, next);
    this.#unknown.delete('chain');
    if (!commit.note) this.#unknown.delete('owner');
    if (tellsSequence(commit)) this.#unknown.delete('sequences');
  }

  #lose(seq: number): void {
    this.#isUnbroken = false;
    this.#state = { ...this.#state, seq };
    for (const rule of ['chain', 'owner', 'sequences', 'chunks', 'deadLetters'] as const)
      this.#unknown.add(rule);
  }
}

function tellsSequence(commit: Commit): boolean {
  return (
    commit.lastSequence !== undefined || commit.segments?.some(({ kind }) => kind === 'changes') === true
  );
}

function describe(
  rule: CommitRule,
  fault: string,
  state: StreamState,
  commit: Commit,
): { readonly kind: FindingKind; readonly detail: string } {
  if (rule === 'chain') return { kind: 'chain-broken', detail: fault };
  return (rule === 'sequences' && jump(state, commit)) || { kind: 'commit-contradicts', detail: fault };
}

/** Where the changes leave sequences out, or have some again. */
function jump(
  state: StreamState,
  commit: Commit,
): { readonly kind: FindingKind; readonly detail: string } | undefined {
  let last = state.lastSequence;
  for (const { kind, firstSequence, lastSequence } of commit.segments ?? []) {
    if (kind !== 'changes' || firstSequence === undefined || lastSequence === undefined) continue;
    if (firstSequence > last + 1) {
      return { kind: 'sequence-gap', detail: `sequences ${last + 1} to ${firstSequence - 1} are left out` };
    }
    if (firstSequence <= last) {
      const until = Math.min(last, lastSequence);
      return { kind: 'sequence-overlap', detail: `sequences ${firstSequence} to ${until} are there twice` };
    }
    last = lastSequence;
  }
  return undefined;
}
