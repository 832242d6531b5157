/** Shows people what an assessment found: as a table, or as Markdown for a ticket or a page. */
import type { AssessReport } from '@waybill/load/assess/assessment';
import type { AssessFinding } from '@waybill/load/assess/findings';
import type { Paint } from './style.ts';
import { renderTable } from './table.ts';
import { counted, formatBytes, formatCount, formatDuration } from './units.ts';

/** --json has all. */
const MOST_SAMPLED = 10;
const COLOURS = { refused: 'red', altered: 'yellow', note: 'dim' } as const;

export function renderAssessment(report: AssessReport, paint: Paint): string {
  const { findings, seconds } = report;
  return [
    ...headLines(report).map((line) => paint('dim', line)),
    '',
    ...(findings.length > 0 ? [table(findings, paint), '', ...advice(findings), ''] : []),
    `${verdict(report, paint)} ${paint('dim', `(${formatDuration(seconds * 1000)})`)}`,
  ].join('\n');
}

export function markdownAssessment(report: AssessReport): string {
  const { findings } = report;
  const plain: Paint = (_style, text) => text;
  const rows = findings.map((each) =>
    [each.level, each.rule, whatText(each), formatCount(each.count), exampleText(each), each.advice].map(
      cell,
    ),
  );
  const heads = ['level', 'rule', 'what', 'count', 'example', 'what to do'];
  const lines = [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return [
    `# Assessment for ${report.target}`,
    '',
    ...headLines(report).map((line) => `* ${cell(line)}`),
    '',
    ...(findings.length > 0 ? [...lines, ''] : []),
    `**${verdict(report, plain)}**`,
  ].join('\n');
}

function headLines({ target, targetKind, looked }: AssessReport): string[] {
  const { at, place, sampled } = looked;
  const ofStream = [
    counted(looked.changedDocuments, 'changed document'),
    counted(looked.structureChanges, 'change of structure', 'changes of structure'),
  ];
  const parts = [
    counted(looked.collections, 'collection'),
    counted(looked.views, 'view'),
    counted(looked.indexes, 'index', 'indexes'),
    counted(looked.documents, 'document'),
    ...(at === 'stream' ? ofStream : []),
    formatBytes(looked.bytes),
  ];
  const lines = [`target: ${target} (${targetKind})`, `looked at: ${at} ${place}: ${parts.join(', ')}`];
  if (sampled.length > 0) {
    const some = sampled
      .slice(0, MOST_SAMPLED)
      .map(
        ({ namespace, documents, of }) =>
          `${namespace} (${formatCount(documents)} of about ${formatCount(of)})`,
      );
    const more =
      sampled.length > MOST_SAMPLED ? ` and ${formatCount(sampled.length - MOST_SAMPLED)} more` : '';
    lines.push(`sampled, not read whole: ${some.join(', ')}${more}`);
  }
  return lines;
}

function table(findings: readonly AssessFinding[], paint: Paint): string {
  return renderTable(
    [
      { head: 'level' },
      { head: 'rule' },
      { head: 'what' },
      { head: 'count', align: 'right' },
      { head: 'for example in' },
    ],
    findings.map((each) => [
      paint(COLOURS[each.level], each.level),
      each.rule,
      whatText(each),
      formatCount(each.count),
      exampleText(each),
    ]),
    paint,
  );
}

function whatText({ what, detail }: AssessFinding): string {
  return detail === null ? what : `${what}: ${detail}`;
}

function exampleText({ example, namespaces }: AssessFinding): string {
  return namespaces > 1 ? `${example} and ${formatCount(namespaces - 1)} more` : example;
}

/** Once for each text, behind the rules that share it. */
function advice(findings: readonly AssessFinding[]): string[] {
  const texts = [...new Set(findings.map((each) => each.advice))];
  return texts.map((text) => {
    const rules = findings.filter((each) => each.advice === text).map(({ rule }) => rule);
    return `${[...new Set(rules)].join(', ')}: ${text}`;
  });
}

function verdict({ taken, findings, looked, target }: AssessReport, paint: Paint): string {
  const part = looked.sampled.length > 0 ? ' A part of the documents was not looked at.' : '';
  if (taken) {
    const altered = findings.some(({ level }) => level === 'altered');
    const form = altered ? ' Some of it would stand there in another form.' : '';
    return paint('green', `No rule that is known of ${target} refuses what was looked at.`) + form + part;
  }
  const refused = findings.filter(({ level }) => level === 'refused').length;
  return paint('red', `${target} would refuse some of it: ${counted(refused, 'finding')}.`) + part;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
