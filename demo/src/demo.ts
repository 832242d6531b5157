/**
 * `waybill demo`: the whole journey on one machine, with nothing made easy. A source in use,
 * awkward documents, structure that changes meanwhile, and an end that is proven, not assumed.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { StatusCollector } from '@waybill/console/collect/collect';
import { openTarget } from '@waybill/load/target/open/open-target';
import type { VerifyReport } from '@waybill/load/verify/report';
import { LinkedAbort, sleep, throwIfAborted } from '@waybill/shared/base/lifecycle';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { connect } from '@waybill/shared/mongo/driver/connect';
import { RawSequence } from '@waybill/shared/mongo/driver/raw-value';
import { type Application, startApplication } from './application/application-process.ts';
import { findMongod } from './servers/find.ts';
import { type RunningServer, startMongod } from './servers/start.ts';
import { oddities } from './shop/oddities.ts';
import { createShop, type ShopSummary } from './shop/shop.ts';
import { type CommandProcess, commandFailed, startCommand } from './story/command-process.ts';
import { Narrator } from './story/narrator.ts';
import { Observer } from './story/observer.ts';
import { renderTimeline } from './story/outcome.ts';
import type { DemoContext, Presentation } from './story/presentation.ts';

const DATABASE = 'shop';
const SEED = 20_260_101;
/** Operations a second of the application, and how many between two changes of structure. */
const RATE = 300;
const STRUCTURE_EVERY = 250;
/**
 * Slows the copying down, in bytes a second: otherwise it ends before the application has done
 * much.
 */
const READ_RATE = '8MiB';
/**
 * The application writes until it has changed structure this often. One change renames a
 * collection.
 */
const STRUCTURE_CHANGES = 10;

/**
 * Some documents expire while they are copied, and their TTL index deletes them within a second.
 * Milliseconds.
 */
const SESSIONS_RUN_OUT_MS = 20_000;
const SOURCE_ARGS = ['--setParameter', 'ttlMonitorSleepSecs=1'];
/** Writing ends after the last of these deletions, so nothing changes during the verification. */
const QUIET_AFTER_MS = SESSIONS_RUN_OUT_MS + 3000;

interface Stage {
  readonly context: DemoContext;
  readonly narrator: Narrator;
  readonly folder: string;
  readonly bucket: string;
  readonly source: RunningServer;
  readonly target: RunningServer;
}

export async function runDemo(context: DemoContext): Promise<number> {
  const { show, signal } = context;
  using narrator = new Narrator(show, context.json);
  await using stack = new AsyncDisposableStack();
  const folder = resolve('waybill-demo', new Date().toISOString().slice(0, 19).replaceAll(':', '-'));
  const bucket = join(folder, 'bucket');
  await mkdir(bucket, { recursive: true });

  narrator.heading('A source, a target, and a shop');
  const binary = await findMongod({ log: (message) => narrator.line(message), signal });
  const source = stack.use(
    await startMongod({ binary, replSet: 'source', cacheGb: 0.5, args: SOURCE_ARGS, signal }),
  );
  const target = stack.use(await startMongod({ binary, replSet: 'target', cacheGb: 0.5, signal }));
  narrator.line(
    `MongoDB ${binary.version} from ${binary.origin}: source on port ${source.port}, target on ${target.port}`,
  );
  const stage: Stage = { context, narrator, folder, bucket, source, target };
  const quietAt = performance.now() + QUIET_AFTER_MS;
  const shop = await fillSource(stage);

  narrator.heading('An application that does not wait');
  const application = stack.use(
    startApplication({
      uri: source.uri,
      database: DATABASE,
      seed: SEED,
      orders: shop.orders,
      ratePerSecond: RATE,
      structureEvery: STRUCTURE_EVERY,
      structureChanges: STRUCTURE_CHANGES,
    }),
  );
  narrator.line(
    'it inserts, updates, replaces, deletes, uses transactions, makes indexes, renames collections',
  );

  narrator.heading('Copying while it writes');
  const run = stack.use(startRun(stage));
  const observer = await openObserver(stage, stack);
  await untilCaughtUp(stage, observer, application, run);
  await sleep(quietAt - performance.now(), signal);

  narrator.heading('The end of writing, and the cutover');
  const written = await application.stop();
  narrator.line(`the application has stopped, after ${show.count(written.operations)} operations`);
  const verification = await cutOver(stage, observer, run);
  await run.stop();

  await tellOutcome(stage, observer, written, verification);
  if (context.keep) await keep(stage);
  return verification.same ? 0 : 3;
}

async function tellOutcome(
  stage: Stage,
  observer: Observer,
  application: Awaited<ReturnType<Application['stop']>>,
  verification: VerifyReport,
): Promise<void> {
  const { context, narrator, bucket, source, target } = stage;
  const { show } = context;
  const milestones = (await observer.look())?.milestones ?? [];
  if (context.json) {
    const seconds = Math.round(narrator.elapsedMs / 100) / 10;
    const servers = { source: source.uri, target: target.uri };
    show.printJson({ seconds, bucket, ...servers, application, milestones, verification });
    return;
  }
  narrator.heading('Milestones');
  narrator.block(renderTimeline(milestones, show));
  narrator.heading('Verification');
  // The cutover verifies, then restores the indexes that the load had held back: those are no
  // differences now.
  const structure = verification.structure.filter(({ heldBack }) => !heldBack);
  narrator.block(show.verification({ ...verification, structure }));
  tellWhere(stage);
}

async function fillSource({ narrator, source, context }: Stage): Promise<ShopSummary> {
  const shop = await createShop({
    uri: source.uri,
    database: DATABASE,
    seed: SEED,
    sessionsRunOutMs: SESSIONS_RUN_OUT_MS,
  });
  await using connection = await connect(source.uri, { role: 'source', signal: context.signal });
  const odd = oddities();
  await connection.command(DATABASE, {
    insert: 'oddities',
    documents: new RawSequence(odd),
    ...(Number.parseFloat(source.version) >= 8 ? { bypassEmptyTsReplacement: true } : {}),
  });
  narrator.line(
    `${context.show.count(shop.documents + odd.length)} documents in ${shop.collections + 1} collections: unique, text, geo, hashed, partial ` +
      'and TTL indexes, a validator, a view, a capped and a clustered collection',
  );
  narrator.line(
    `${odd.length} of them awkward: the same key twice, NaN with a payload, invalid UTF-8, __proto__, …`,
  );
  return shop;
}

function startRun(stage: Stage): CommandProcess {
  const { narrator, source, target, bucket, context } = stage;
  const options = ['--source', source.uri, '--bucket', bucket, '--target', target.uri];
  narrator.line(`$ ${context.commandToType} run ${options.join(' ')}`);
  return startCommand(context.launcher, 'run', [...options, '--max-read-rate', READ_RATE]);
}

/** Facts of milestones that only programs need. */
const FOR_PROGRAMS: ReadonlySet<string> = new Set([
  'process',
  'key',
  'replicaSetId',
  'clusterId',
  'collectionUuid',
  'name',
]);

async function openObserver(stage: Stage, stack: AsyncDisposableStack): Promise<Observer> {
  const { narrator, context } = stage;
  const { signal } = context;
  const bucket = await openBucket(stage.bucket, { signal });
  stack.defer(() => bucket.close());
  const target = openTarget(stack.use(await connect(stage.target.uri, { role: 'target', signal })));
  const collector = new StatusCollector(
    { stream: 'default', load: 'default' },
    { bucket, source: null, target: async () => target, signal },
  );
  return new Observer(collector, ({ of, name, evidence }) => {
    if (name === 'collection-completed') return;
    const facts = Object.entries(evidence ?? {}).filter(([fact]) => !FOR_PROGRAMS.has(fact));
    narrator.line(`${of}: ${name}${facts.map(([fact, value]) => `, ${fact} ${value}`).join('')}`);
  });
}

/**
 * Waits until both sides have caught up with the application, which goes on writing, and until the
 * application has made all its changes of structure.
 */
async function untilCaughtUp(
  stage: Stage,
  observer: Observer,
  application: Application,
  run: CommandProcess,
): Promise<void> {
  const { narrator, context } = stage;
  let told = 0;
  const done = (): boolean => {
    const { structure } = application.report;
    for (const change of structure.slice(told)) narrator.line(`application: ${change}`);
    told = structure.length;
    return (
      observer.has('load', 'caught-up') && observer.has('capture', 'caught-up') && told >= STRUCTURE_CHANGES
    );
  };
  using _live = narrator.live(() => activity(context.show, observer, application));
  await Promise.race([observer.until(done, context.signal), application.failed, run.failed]);
}

function activity(show: Presentation, observer: Observer, application: Application): string {
  const wrote = `application ${show.count(application.report.operations)} operations`;
  const status = observer.latest;
  if (!status) return wrote;
  const { snapshot, changes } = status.capture;
  const applied = status.load?.snapshotDocuments ?? 0;
  const behind = status.load?.changesBehind ?? changes;
  const total = Math.max(snapshot.documents, snapshot.documentsTotal);
  return [
    `${show.bar(total > 0 ? applied / total : 0)} ${show.count(applied)}/${show.count(total)} documents`,
    `${show.count(changes)} changes, ${show.count(behind)} behind`,
    wrote,
  ].join('  ');
}

async function cutOver(stage: Stage, observer: Observer, run: CommandProcess): Promise<VerifyReport> {
  const { narrator, source, target, bucket, folder, context } = stage;
  const report = join(folder, 'verification.json');
  const options = ['--source', source.uri, '--bucket', bucket, '--target', target.uri, '--yes'];
  narrator.line(`$ ${context.commandToType} cutover ${options.join(' ')}`);
  await using cutover = startCommand(context.launcher, 'cutover', [...options, '--report', report]);
  using _live = narrator.live(() => 'waiting until everything is proven to be there');
  using watch = new LinkedAbort(context.signal);
  // It watches until the abort, and tells of milestones meanwhile.
  const watching = observer.until(() => false, watch.signal).catch(() => undefined);
  const end = await Promise.race([cutover.ended, run.failed]);
  watch.abort();
  await watching;
  throwIfAborted(context.signal);
  if (end.exitCode !== 0 && end.exitCode !== 3) throw commandFailed('cutover', end);
  return JSON.parse(await readFile(report, 'utf8')) as VerifyReport;
}

function tellWhere({ narrator, folder, bucket, source, target, context }: Stage): void {
  narrator.heading('What is left');
  narrator.block(`files         ${folder}`);
  narrator.block(`the stream    ${context.commandToType} status --bucket ${bucket}`);
  if (!context.keep) return;
  narrator.block(`source        ${source.uri}`);
  narrator.block(`target        ${target.uri}`);
  narrator.block('Both servers run until Ctrl-C.');
}

async function keep({ context }: Stage): Promise<void> {
  while (!context.signal.aborted) await sleep(60_000, context.signal).catch(() => undefined);
}
