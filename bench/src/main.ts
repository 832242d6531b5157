/**
 * `npm run bench` measures Waybill beside the tools it is compared with. It does so in one run and
 * gives ratios. See docs/benchmarks.md.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fill, index } from './data/fill.ts';
import { COLLECTION, DEFAULT_DOCUMENTS, ORDER_BYTES } from './data/orders.ts';
import { type Bench, type MeasureFunction, openBench } from './harness/bench.ts';
import { avro } from './measures/avro.ts';
import { changes } from './measures/changes.ts';
import { collections } from './measures/collections.ts';
import { latency } from './measures/latency.ts';
import { snapshot } from './measures/snapshot.ts';
import { stores } from './measures/stores.ts';
import { type Circumstances, renderFigures, withFigures } from './report/markdown.ts';
import { type Judged, judge } from './report/measure.ts';
import { printReport } from './report/print.ts';

const DEFAULT_COLLECTIONS = 1000;
const HELP = `npm run bench -- [--documents N] [--rounds N] [--only snapshot,stores,changes,latency,collections,avro] [--output FILE] [--markdown FILE]

  --documents N   orders of about ${ORDER_BYTES} bytes; default ${DEFAULT_DOCUMENTS} (0.5 GB); 5000000 shows that memory stays flat
  --collections N small collections, in a tenth as many databases; default ${DEFAULT_COLLECTIONS}
  --rounds N      how often each pair runs, in turn; default 3
  --only LIST     which measures; default all
  --output FILE   where the figures go as JSON; default bench/results/latest.json
  --markdown FILE put the table into this page, between its two figures marks; docs/benchmarks.md`;

const { values } = parseArgs({
  options: {
    documents: { type: 'string', default: `${DEFAULT_DOCUMENTS}` },
    collections: { type: 'string', default: `${DEFAULT_COLLECTIONS}` },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: 'snapshot,stores,changes,latency,collections,avro' },
    output: { type: 'string', default: fileURLToPath(new URL('../results/latest.json', import.meta.url)) },
    markdown: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const MEASURES: Readonly<Record<string, MeasureFunction>> = {
  snapshot,
  stores,
  changes,
  latency,
  collections,
  avro,
};
/** These measures work on the whole data set, which is filled in once. */
const OF_THE_DATA_SET: readonly string[] = ['snapshot', 'stores'];
const log = (line: string): void => void process.stderr.write(`${line}\n`);

if (values.help) {
  process.stdout.write(`${HELP}\n`);
} else {
  const measured = await runAll(values.only.split(','), Number(values.documents), Number(values.rounds));
  printReport(measured);
  await mkdir(new URL('../results/', import.meta.url), { recursive: true });
  await writeFile(values.output, `${JSON.stringify(report(measured), null, 2)}\n`);
  log(`figures: ${values.output}`);
  if (values.markdown !== undefined) await putFigures(values.markdown, measured);
  if (measured.some((measure) => measure.verdict === 'missed')) process.exitCode = 3;
}

async function runAll(names: readonly string[], documents: number, rounds: number): Promise<Judged[]> {
  const unknown = names.filter((name) => !(name in MEASURES));
  if (unknown.length > 0) throw new Error(`no such measure: ${unknown.join(', ')}\n${HELP}`);
  await using bench: Bench = await openBench({
    documents,
    collections: Number(values.collections),
    rounds,
    log,
  });
  const judged: Judged[] = [];
  let isFilled = false;
  for (const name of names) {
    if (OF_THE_DATA_SET.includes(name) && !isFilled) {
      isFilled = true;
      log(`filling the source with ${documents} documents`);
      await fill(bench.sourceConnection, COLLECTION, 0, documents);
      await index(bench.sourceConnection, COLLECTION);
    }
    judged.push(...(await (MEASURES[name] as MeasureFunction)(bench)).map(judge));
  }
  return judged;
}

function report(measures: readonly Judged[]): unknown {
  return { ...circumstances(), measures };
}

function circumstances(): Circumstances {
  return {
    at: new Date().toISOString(),
    machine: { processors: cpus().length, model: cpus()[0]?.model, memoryBytes: totalmem() },
    node: process.version,
    documents: Number(values.documents),
    rounds: Number(values.rounds),
  };
}

async function putFigures(path: string, measures: readonly Judged[]): Promise<void> {
  const page = await readFile(path, 'utf8');
  await writeFile(path, withFigures(page, renderFigures(circumstances(), measures)));
  log(`table: ${path}`);
}
