/** What a capture or a load prints when it ends. */

import type { LoadResult, TargetPlan } from '@waybill/load/run/load-deps';
import type { Blocked } from '@waybill/load/structure/blocked';
import type { IndexReport } from '@waybill/load/structure/indexes';
import { formatClusterTime } from '@waybill/shared/base/position';
import { printableData } from '@waybill/shared/base/printable';
import { type CaptureStats, type LoadStats, type Totals, totals } from '@waybill/shared/base/stats';
import type { IndexConflicts } from '@waybill/shared/base/write-trouble';
import { conflictText } from '../output/conflict.ts';
import { counted, formatBytes, formatCount, formatDuration } from '../output/units.ts';
import type { CommandContext } from './command.ts';

export interface Summary {
  readonly command: 'capture' | 'load';
  /** The milestone of --until, or `stopped`. */
  readonly ended: string;
  readonly stream: string;
  readonly load?: string;
  /** Documents of the snapshot that this run copied; absent if an earlier run finished it. */
  readonly documents?: number;
  readonly documentBytes?: number;
  /** Documents of the snapshot that earlier runs copied; absent if this run did not look. */
  readonly earlierDocuments?: number;
  readonly changes: number;
  readonly sequence: number;
  readonly watermark: string | null;
  readonly seconds: number;
  /** Indexes that the target lacks or has differently, each with the reason. */
  readonly indexes?: readonly IndexReport[];
  /** Views and options that the target refuses, each with the reason. */
  readonly blocked?: readonly Blocked[];
  /** Unique indexes of the target that kept documents out during this run; absent if none did. */
  readonly conflicts?: readonly IndexConflicts[];
  /** Of a load, those of earlier runs included. */
  readonly deadLettersOpen?: number;
  /** How the load went about its target, and why. */
  readonly target?: TargetPlan;
}

type Loaded = Pick<LoadResult, 'indexes' | 'blocked'> & { readonly target?: TargetPlan | null };

export function summarize(
  context: CommandContext,
  stats: CaptureStats | LoadStats,
  ended: string,
  { indexes, blocked, target }: Loaded = { indexes: [], blocked: [] },
): Summary {
  const sum = totals(stats);
  return {
    command: stats.kind,
    ended,
    stream: context.options.stream,
    ...(stats.kind === 'load' ? { load: context.options.load } : {}),
    ...(sum.collections > 0 ? snapshotPart(sum) : {}),
    changes: stats.changes,
    sequence: stats.sequence,
    watermark: stats.watermark === null ? null : formatClusterTime(stats.watermark),
    seconds: Math.round(Date.now() - stats.startedAt) / 1000,
    ...(stats.kind === 'load' && {
      indexes: indexes.filter(({ verdict }) => verdict !== 'ok'),
      blocked,
      deadLettersOpen: stats.deadLettersOpen,
    }),
    ...conflictsPart(stats),
    ...(target && { target }),
  };
}

function conflictsPart(stats: CaptureStats | LoadStats): Pick<Summary, 'conflicts'> {
  if (stats.kind !== 'load' || stats.trouble.conflicts.size === 0) return {};
  return { conflicts: [...stats.trouble.conflicts.values()] };
}

function snapshotPart(
  sum: Totals,
): Required<Pick<Summary, 'documents' | 'documentBytes' | 'earlierDocuments'>> {
  return {
    documents: sum.documents - sum.earlierDocuments,
    documentBytes: sum.bytes - sum.earlierBytes,
    earlierDocuments: sum.earlierDocuments,
  };
}

export function summaryLines(summary: Summary): string {
  const parts = [
    ...documentsOf(summary),
    `${formatCount(summary.changes)} changes`,
    `in ${formatDuration(summary.seconds * 1000)}`,
  ];
  const first = `${summary.command}: ${summary.ended}; ${parts.join(', ')}; watermark ${summary.watermark ?? 'none'}`;
  const indexes = (summary.indexes ?? []).map(
    ({ namespace, name, verdict, note }) =>
      `index ${namespace} ${name}: ${verdict}${note === null ? '' : `, ${note}`}`,
  );
  const blocked = (summary.blocked ?? []).map(
    ({ kind, namespace, name, reason }) =>
      `${kind} ${namespace}${name === '' ? '' : ` ${name}`}: blocked, ${reason}`,
  );
  const last = [...conflictLines(summary), ...lettersOf(summary)];
  return [first, ...indexes, ...blocked, ...last].join('\n');
}

function conflictLines({ conflicts = [] }: Summary): string[] {
  return conflicts.map(conflictText);
}

function lettersOf({ deadLettersOpen = 0 }: Summary): string[] {
  if (deadLettersOpen === 0) return [];
  const letters = counted(deadLettersOpen, 'dead letter');
  return [`${letters} open: the target lacks these states; waybill dead-letters list shows why`];
}

function documentsOf({ documents, documentBytes = 0, earlierDocuments = 0 }: Summary): string[] {
  if (documents === undefined) return [];
  if (earlierDocuments === 0) return [`${formatCount(documents)} documents (${formatBytes(documentBytes)})`];
  const earlier = `after ${formatCount(earlierDocuments)} of earlier runs`;
  if (documents === 0) return [`no more documents (${earlier})`];
  return [`${formatCount(documents)} documents (${formatBytes(documentBytes)}, ${earlier})`];
}

export function printSummaries({ options, output }: CommandContext, summaries: readonly Summary[]): void {
  if (options.json) output.printJson(summaries.length === 1 ? summaries[0] : summaries);
  else for (const summary of summaries) output.print(summaryLines(printableData(summary)));
}
