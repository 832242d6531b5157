/** Finds documents of a sharded collection by `_id` alone, on whichever shard they are. */
import { retry } from '@waybill/shared/base/retry';
import { asBuffer, type RawElement } from '@waybill/shared/bson/raw';
import { deleteStatement, documentId, type FilterField } from '@waybill/shared/bson/statement';
import { isSameKey, type KeyFault, keyFields } from '../placement/key-fields.ts';
import type { Batch, Write } from './batch.ts';
import { checkRefusal, targetRefusal } from './make-refusal.ts';
import type { Refusal } from './refusal.ts';
import type { SenderDeps, StatementSender } from './sender.ts';

/** A write with the shard key's fields of its document. */
export interface Keyed {
  readonly write: Write;
  readonly fields: readonly FilterField[];
}

/** A document of the target, by what names it there. */
interface Standing {
  readonly id: RawElement;
  readonly fields: readonly FilterField[] | KeyFault;
}

export interface Settled {
  /** Their document stands under the same key. */
  readonly placed: readonly Keyed[];
  /** No document has their `_id`, or none any more. */
  readonly absent: readonly Keyed[];
  /** How many documents stood there. */
  readonly found: number;
}

export class Locator {
  readonly #deps: SenderDeps;
  readonly #sender: StatementSender;

  constructor(deps: SenderDeps, sender: StatementSender) {
    this.#deps = deps;
    this.#sender = sender;
  }

  /** Adds a refusal for each write whose document no sharded collection takes. */
  keyed(batch: Batch, refusals: Refusal[]): readonly Keyed[] {
    const { paths } = batch.scope.placement;
    const keyed: Keyed[] = [];
    for (const write of batch.writes) {
      const fields = keyFields(write.document!, paths);
      if (typeof fields !== 'string') keyed.push({ write, fields });
      else refusals.push(checkRefusal('update', batch, write, violation(fields)));
    }
    return keyed;
  }

  /** Deletes every document that has the `_id` of a write and another key than its document. */
  async settle(batch: Batch, refusals: Refusal[]): Promise<Settled> {
    const keyed = this.keyed(batch, refusals);
    const sound = { ...batch, writes: keyed.map(({ write }) => write) };
    const byId = new Map(keyed.map((each) => [keyOf(each.write.id), each]));
    const placed = new Set<Keyed>();
    const standing = await this.find(sound);
    const strays = standing.filter(({ id, fields }) => {
      const wanted = byId.get(keyOf(id));
      if (!wanted || typeof fields === 'string' || !isSameKey(fields, wanted.fields)) return true;
      placed.add(wanted);
      return false;
    });
    const removed = await this.remove(sound, strays);
    refusals.push(...removed.refusals);
    const left = keyed.filter(({ write }) => !removed.failed.has(write));
    return {
      placed: left.filter((each) => placed.has(each)),
      absent: left.filter((each) => !placed.has(each)),
      found: standing.length,
    };
  }

  /** Every document that has the `_id` of one of the writes, or one that the server holds equal. */
  async find({ scope, writes }: Batch): Promise<readonly Standing[]> {
    const { target, ownership, signal } = this.#deps;
    if (writes.length === 0) return [];
    const { namespace, placement } = scope;
    const ids = writes.map(({ id }) => id);
    const fields = placement.paths.map(({ path }) => path.toString());
    const documents = await retry(
      async () => {
        await ownership.held();
        return target.locate(namespace, ids, fields, signal);
      },
      undefined,
      { signal },
    );
    return documents.map((document) => ({
      id: documentId(document),
      fields: keyFields(document, placement.paths),
    }));
  }

  async remove(
    batch: Batch,
    standing: readonly Standing[],
  ): Promise<{ readonly refusals: readonly Refusal[]; readonly failed: ReadonlySet<Write> }> {
    const failed = new Set<Write>();
    if (standing.length === 0) return { refusals: [], failed };
    const statements = standing.map(({ id, fields }) =>
      // A key that no filter can name: the router asks all shards.
      typeof fields === 'string' ? deleteStatement(id) : deleteStatement(id, fields),
    );
    const { refused } = await this.#sender.execute('delete', batch.scope, statements);
    const refusals = refused.map((each) => {
      const id = keyOf(standing[each.index]!.id);
      const write = batch.writes.find((one) => keyOf(one.id) === id) ?? batch.writes[0]!;
      failed.add(write);
      return targetRefusal('delete', batch, write, each);
    });
    return { refusals, failed };
  }
}

function keyOf({ type, bytes }: RawElement): string {
  return String.fromCharCode(type) + asBuffer(bytes).toString('latin1');
}

function violation(fault: KeyFault) {
  const holds = fault === 'array' ? 'an array' : 'the type undefined';
  return { rule: 'shard-key', path: '', reason: `a field of the target's shard key holds ${holds}` } as const;
}
