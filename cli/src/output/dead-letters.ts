/** Shows people the dead letters of a load. */
import type { LetterAnswer } from '@waybill/load/letter-requests/requests';
import type { IndexLine, Letter } from '@waybill/load/letters/letter';
import type { LetterRecord } from '@waybill/load/letters/letter-file';
import type { LetterGroup, LetterSummary } from '@waybill/load/letters/summary';
import { toCanonicalExtendedJson } from '@waybill/shared/bson/ejson';
import type { Paint } from './style.ts';
import { renderTable } from './table.ts';
import { formatCount } from './units.ts';

const COUNTS = ['open', 'superseded', 'deleted', 'retried', 'discarded'] as const;

/** @param isPart others may have been left out by the options */
export function renderLetters({ open, groups }: LetterSummary, paint: Paint, isPart: boolean): string {
  if (groups.length === 0) {
    return isPart
      ? 'No dead letter fits --ns, --rule and --letter. Collections have their names on the target here.'
      : 'No dead letters.';
  }
  const table = renderTable(
    [
      { head: 'collection' },
      { head: 'rule' },
      ...COUNTS.map((head) => ({ head, align: 'right' as const })),
      { head: 'first open', align: 'right' },
      { head: 'oldest open' },
      { head: 'reason' },
    ],
    groups.map((group: LetterGroup) => [
      group.namespace,
      group.rule,
      ...COUNTS.map((name) => formatCount(group[name])),
      group.first === null ? '' : String(group.first),
      group.oldest ?? '',
      group.reason,
    ]),
    paint,
  );
  if (open === 0) return `${table}\n\nNone of them is open.`;
  return `${table}\n\nOpen: ${formatCount(open)}. Remove the reason on the target, then use waybill dead-letters retry. waybill dead-letters show --letter <number> prints one.`;
}

const STATES = {
  retry: {
    retried: 'written to the target',
    superseded: 'superseded by a later state',
    refused: 'refused again',
    left: 'left open: the target does not have the collection',
  },
  discard: { discarded: 'discarded' },
} as const;

export function renderAnswer(action: keyof typeof STATES, answer: LetterAnswer): string {
  const lines = Object.entries(STATES[action]).flatMap(([name, words]) => {
    const count = answer[name as Exclude<keyof LetterAnswer, 'rules'>];
    return count > 0 ? [`${formatCount(count)} ${words}`] : [];
  });
  for (const [rule, count] of Object.entries(answer.rules)) lines.push(`  ${formatCount(count)} by ${rule}`);
  if (answer.refused > 0) lines.push('They stay open. waybill dead-letters list shows the reasons.');
  return lines.length > 0 ? lines.join('\n') : 'Nothing to do: the letters were closed meanwhile.';
}

/** A letter as it stands, with the documents of its record as Extended JSON. */
export interface ShownLetter extends Omit<Letter, 'hash' | 'key'> {
  readonly state: string;
  readonly record: Omit<LetterRecord, 'before' | 'document' | 'documentKey' | 'update'> & {
    readonly documentKey: unknown;
    readonly document: unknown;
    readonly update: unknown;
    readonly before: unknown;
  };
}

interface Following {
  readonly data: ShownLetter;
  after(line: IndexLine): Following;
}

export function shownLetter({ hash: _, key: __, ...letter }: Letter, record: LetterRecord): Following {
  const document = (bytes: string | null): unknown =>
    bytes === null ? null : JSON.parse(toCanonicalExtendedJson(Buffer.from(bytes, 'base64')));
  const { documentKey, update, before } = record;
  return following({
    ...letter,
    state: 'open',
    record: {
      ...record,
      documentKey: document(documentKey),
      document: document(record.document),
      update: document(update),
      before: document(before),
    },
  });
}

function following(data: ShownLetter): Following {
  return {
    data,
    after: (line) => {
      if (data.state !== 'open') return following(data);
      if ('closed' in line && line.closed === data.number) return following({ ...data, state: line.as });
      if ('dropped' in line && line.dropped === data.namespace)
        return following({ ...data, state: 'deleted' });
      if ('renamed' in line && line.renamed === data.namespace)
        return following({ ...data, namespace: line.to });
      return following(data);
    },
  };
}

export function renderLetter({ record, ...letter }: ShownLetter, paint: Paint): string {
  // The record has the source's name of the collection, as `source` has.
  const { documentKey, document, update, before, namespace: _, ...facts } = record;
  const lines = Object.entries({ ...letter, ...facts })
    .filter(([, value]) => value !== null)
    .map(
      ([name, value]) =>
        `${paint('dim', `${name}:`)} ${typeof value === 'object' ? JSON.stringify(value) : value}`,
    );
  for (const [name, value] of Object.entries({ documentKey, document, update, before })) {
    if (value !== null) lines.push(paint('dim', `${name}:`), JSON.stringify(value, null, 2));
  }
  return lines.join('\n');
}
