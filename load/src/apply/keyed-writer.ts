/**
 * Writes to a collection that the target shards by other fields than `_id` (decision 0030). There
 * an index on `_id` holds for one shard, and a document whose key has changed stands on another
 * one, under its old key. So:
 *
 *   replace        by `_id` and the key of the new document. If it finds one, that is the only
 *                  document of its `_id`
 *   anything else  first asks every shard for the ids, then deletes what stands under another key,
 *                  then writes. So two documents never have one `_id`
 *   delete         deletes what it has found, by the key that stands there
 *
 * Each statement names `_id` and key, and goes to one shard. A migration of chunks cannot make it
 * miss.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import { DEFAULT_RETRY, Retries } from '@waybill/shared/base/retry';
import { documentId, pipelineStatement } from '@waybill/shared/bson/statement';
import type { Batch, DocumentBatch, Write } from './batch.ts';
import { type Keyed, Locator } from './locator.ts';
import { targetRefusal } from './make-refusal.ts';
import type { Refusal } from './refusal.ts';
import { type Refused, type SenderDeps, StatementSender } from './sender.ts';
import { mustBeUpdate, putStatement } from './statements.ts';
import type { DocumentWriter, Guessed } from './writer.ts';

/** A migration of chunks leaves copies behind. A server waits a quarter of an hour with them. */
const ORPHANS = { ...DEFAULT_RETRY, maxMs: 30_000, maxElapsedMs: 1_200_000 };

export class KeyedWriter implements DocumentWriter {
  readonly #deps: SenderDeps;
  readonly #sender: StatementSender;
  readonly #locator: Locator;

  constructor(deps: SenderDeps) {
    this.#deps = deps;
    this.#sender = new StatementSender(deps);
    this.#locator = new Locator(deps, this.#sender);
  }

  /** A repeated segment meets its own documents: the same bytes, on the same shards. */
  async insert({ scope, documents, origin, first }: DocumentBatch): Promise<readonly Refusal[]> {
    const writes = documents.map(
      (document, index): Write => ({ id: documentId(document), document, record: first + index }),
    );
    const batch = { scope, writes, origin };
    if (documents.some((document) => this.#mustBeUpdate(document))) return this.upsert(batch);
    const { refused } = await this.#sender.execute('insert', scope, documents);
    const { clashes, refusals } = sortRefused(batch, refused);
    if (clashes.length === 0) return refusals;
    return [...refusals, ...(await this.upsert({ ...batch, writes: clashes }))];
  }

  async insertNew(batch: Batch): Promise<Guessed> {
    const refusals: Refusal[] = [];
    const { namespace } = batch.scope;
    const retries = new Retries(ORPHANS, { signal: this.#deps.signal });
    let wrong: number | undefined;
    for (let left: readonly Write[] = batch.writes; ; ) {
      const { found, clashes } = await this.#put({ ...batch, writes: left }, refusals);
      wrong ??= found;
      if (clashes.length === 0) return { wrong, refusals };
      left = clashes;
      await retries.failed(orphaned(namespace, clashes.length));
    }
  }

  async upsert(batch: Batch): Promise<readonly Refusal[]> {
    return (await this.insertNew(batch)).refusals;
  }

  /** Where it does not find all, it cannot tell which, so all are located. */
  async replace(batch: Batch): Promise<Guessed> {
    const { writes, scope } = batch;
    const keyed = this.#locator.keyed(batch, []);
    if (keyed.length === writes.length) {
      const { n } = await this.#sender.execute('update', scope, this.#statements(keyed, false));
      if (n === writes.length) return { wrong: 0, refusals: [] };
    }
    return { wrong: 1, refusals: await this.upsert(batch) };
  }

  async remove(batch: Batch): Promise<readonly Refusal[]> {
    const { refusals } = await this.#locator.remove(batch, await this.#locator.find(batch));
    return refusals;
  }

  /** `clashes` met a document of their `_id` that no shard shows. */
  async #put(
    batch: Batch,
    refusals: Refusal[],
  ): Promise<{ readonly found: number; readonly clashes: readonly Write[] }> {
    const located = await this.#locator.settle(batch, refusals);
    const inserts = located.absent.filter(({ write }) => !this.#mustBeUpdate(write.document!));
    const updates = [...located.placed, ...located.absent.filter((keyed) => !inserts.includes(keyed))];
    let clashes: readonly Write[] = [];
    if (inserts.length > 0) {
      const writes = inserts.map(({ write }) => write);
      const documents = writes.map(({ document }) => document!);
      const { refused } = await this.#sender.execute('insert', batch.scope, documents);
      const sorted = sortRefused({ ...batch, writes }, refused);
      refusals.push(...sorted.refusals);
      clashes = sorted.clashes;
    }
    if (updates.length > 0) {
      const { refused } = await this.#sender.execute('update', batch.scope, this.#statements(updates, true));
      for (const each of refused)
        refusals.push(...(await this.#putRefused(batch, updates[each.index]!, each)));
    }
    return { found: located.found, clashes };
  }

  /** As for other collections: a pipeline takes names that a replacement does not take. */
  async #putRefused(batch: Batch, { write, fields }: Keyed, each: Refused): Promise<readonly Refusal[]> {
    const { scope } = batch;
    const { tactic } = each;
    if (tactic !== 'pipeline' && tactic !== 'reinsert') return [targetRefusal('update', batch, write, each)];
    if (tactic === 'pipeline') {
      const statement = pipelineStatement(write.id, write.document!, true, fields);
      const { refused } = await this.#sender.execute('update', scope, [statement]);
      if (refused.length === 0) return [];
    }
    const undeleted = await this.remove({ ...batch, writes: [write] });
    if (undeleted.length > 0) return undeleted;
    const { refused } = await this.#sender.execute('insert', scope, [write.document!]);
    return refused.map((last) => targetRefusal('insert', batch, write, last));
  }

  #statements(keyed: readonly Keyed[], upsert: boolean): Buffer[] {
    const { capabilities } = this.#deps.target;
    return keyed.map(({ write: { id, document }, fields }) =>
      putStatement(capabilities, id, document!, upsert, fields),
    );
  }

  #mustBeUpdate(document: Uint8Array): boolean {
    return mustBeUpdate(this.#deps.target.capabilities, document);
  }
}

/** Which inserts met a document of their `_id`. */
function sortRefused(
  batch: Batch,
  refused: readonly Refused[],
): { readonly clashes: readonly Write[]; readonly refusals: Refusal[] } {
  const clashes: Write[] = [];
  const refusals: Refusal[] = [];
  for (const each of refused) {
    const write = batch.writes[each.index]!;
    if (each.tactic === 'replace') clashes.push(write);
    else refusals.push(targetRefusal('insert', batch, write, each));
  }
  return { clashes, refusals };
}

function orphaned(namespace: string, writes: number): WaybillError {
  return new WaybillError(
    'MONGO_TRANSIENT',
    `${writes} documents of ${namespace} meet copies on the target that a migration of chunks has left behind`,
    {
      hint: 'The target deletes such copies by itself, by default a quarter of an hour after the migration (orphanCleanupDelaySecs). Stop the balancer while the load runs, or run cleanupOrphaned on the shards. Then run the same command again.',
      context: { namespace, documents: writes },
    },
  );
}
