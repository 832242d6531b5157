/** What became of a load's letters, counted by collection and reason. */
import type { LetterCounts } from '@waybill/shared/manifest/dead-letter-file';
import { addCounts, NO_LETTERS } from '@waybill/shared/manifest/dead-letters';
import type { StreamState } from '@waybill/shared/manifest/state';
import type { Letter } from './letter.ts';
import { OpenLetters } from './open-letters.ts';
import { type LettersSource, letterLines } from './read-letters.ts';

export interface LetterGroup {
  readonly namespace: string;
  readonly rule: string;
  /** Of the first one. Others of the rule may have other words. */
  readonly reason: string;
  readonly open: number;
  readonly superseded: number;
  readonly deleted: number;
  readonly retried: number;
  readonly discarded: number;
  /** When the oldest open one was written. */
  readonly oldest: string | null;
  /** The number of the oldest open one. */
  readonly first: number | null;
}

export interface LetterSummary {
  readonly open: number;
  readonly groups: readonly LetterGroup[];
  /** The open ones, oldest first. */
  readonly letters: readonly Letter[];
}

type Fits = (letter: Letter) => boolean;

interface Group {
  readonly namespace: string;
  readonly rule: string;
  readonly reason: string;
  counts: LetterCounts;
}

export async function summarizeLetters(
  source: LettersSource,
  log: Pick<StreamState, 'deadLetters'>,
  fits: Fits,
): Promise<LetterSummary> {
  const open = new OpenLetters();
  const groups = new Map<string, Group>();
  const count = ({ namespace, rule, reason }: Letter, what: keyof LetterCounts): void => {
    const key = `${namespace} ${rule}`;
    const group = groups.get(key) ?? { namespace, rule, reason, counts: NO_LETTERS };
    groups.set(key, { ...group, counts: addCounts(group.counts, { ...NO_LETTERS, [what]: 1 }) });
  };
  for await (const line of letterLines(source, log)) {
    for (const { letter, as } of open.apply(line)) if (fits(letter)) count(letter, as);
  }
  const letters = [...open.all()].filter(fits).sort((a, b) => a.number - b.number);
  for (const letter of letters) count(letter, 'opened');
  const firsts = new Map<string, Letter>();
  for (const letter of letters.toReversed()) firsts.set(`${letter.namespace} ${letter.rule}`, letter);
  return {
    open: letters.length,
    groups: [...groups].map(([key, { counts, ...group }]) => {
      const { opened, ...ended } = counts;
      const first = firsts.get(key);
      return { ...group, open: opened, ...ended, oldest: first?.at ?? null, first: first?.number ?? null };
    }),
    letters,
  };
}
