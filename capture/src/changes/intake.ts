/**
 * Turns events into units to commit: what is captured, in which lane, and what a structure change
 * means.
 */

import type { Logger } from '@waybill/shared/base/logger';
import { splitNamespace } from '@waybill/shared/base/record';
import { retry } from '@waybill/shared/base/retry';
import { namespaceHash } from '@waybill/shared/bson/canonical-key';
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import type { StreamPosition } from '@waybill/shared/manifest/position';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { type CollectionInfo, listCollections } from '@waybill/shared/mongo/facts/collections';
import type { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { definitionAfter } from '../catalog/definition-after.ts';
import type { KnownCollections } from '../catalog/known-collections.ts';
import type { PipelineUnit, SealedUnit } from '../commit/units.ts';
import type { PackedChangeEvent } from '../event/change-event.ts';
import type { Change } from '../record/change.ts';
import { EventChange } from '../record/event-change.ts';
import type { EventBatch } from '../source/change-stream.ts';
import { type DdlContext, type DdlDecision, decideDdl, isDataEvent } from './ddl.ts';
import { judgeDrop } from './doubtful-drop.ts';
import type { InStreamReader, Reread } from './in-stream-reader.ts';
import { inOwnBytes } from './kept-bytes.ts';
import type { Sealer } from './sealing.ts';

export interface IntakeOptions {
  readonly connection: MongoConnection;
  readonly identity: Pick<StreamIdentity, 'lanes' | 'images'>;
  readonly filter: NamespaceFilter;
  readonly known: KnownCollections;
  readonly ddl: DdlContext;
  readonly sealer: Sealer;
  readonly inStream: InStreamReader;
  /** Servers whose events carry no uuid send no `create` events either. */
  readonly hasUuids: boolean;
  /**
   * The position from which the stream starts again at its cluster time. So many events of that
   * time, as it counts, have been captured before.
   */
  readonly repeated: StreamPosition | null;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

type Recorded = DdlDecision & { readonly kind: 'record' };

/** The position after the event. */
interface After {
  readonly time: bigint;
  readonly token: Uint8Array;
}

export class Intake {
  readonly #options: IntakeOptions;
  /** Whether a namespace is captured; one entry for each name that the source has. */
  readonly #included = new Map<string, boolean>();
  /** Hashes of namespaces. */
  readonly #names = new Map<string, number>();
  #toDrop: number;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#toDrop = options.repeated?.taken ?? 0;
  }

  /** The units that the events of a batch complete, in order. The rest waits in the sealer. */
  async *take({ events, bytes }: Pick<EventBatch, 'events' | 'bytes'>): AsyncGenerator<PipelineUnit> {
    const now = performance.now();
    const isKept = ({ operationType, namespace }: PackedChangeEvent): boolean =>
      isDataEvent(operationType) && this.#isIncluded(namespace ?? '');
    for (const event of inOwnBytes(events, bytes, isKept)) {
      if (!isDataEvent(event.operationType)) {
        yield* this.#takeStructure(event, now);
        continue;
      }
      const sealed = this.#takeData(event, now);
      // Not awaited if there is nothing to wait for: this runs once an event.
      if (sealed !== null) yield* await sealed;
    }
  }

  #takeData(event: PackedChangeEvent, now: number): SealedUnit[] | null | Promise<SealedUnit[]> {
    const { sealer, known, hasUuids } = this.#options;
    const namespace = event.namespace ?? '';
    if (!this.#isIncluded(namespace) || this.#isRepeated(event)) {
      sealer.skip(event.clusterTime, event.resumeToken);
      return null;
    }
    if (!hasUuids && known.get(namespace) === undefined) return this.#introduce(namespace, event, now);
    const sealed = sealer.addChange(this.#change(namespace, event), event.resumeToken, now);
    return sealed.length > 0 ? sealed : null;
  }

  /**
   * On a server without `create` events, a collection that is seen for the first time: its options
   * and indexes are read from the source, and recorded as if it had been created here. If it was
   * dropped meanwhile, or dropped and made again, we find nothing or the options of the later one.
   * The drop is then still to come in the stream; after it the name is unknown, and is read again.
   */
  async #introduce(namespace: string, event: PackedChangeEvent, now: number): Promise<SealedUnit[]> {
    const { sealer, inStream } = this.#options;
    const found = await inStream.describe(namespace, event.clusterTime);
    const units: SealedUnit[] = [];
    for (const { event: ddl, definition } of found) {
      units.push(...sealer.addDdl(ddl, definition, null, now));
      if (definition) this.#options.known.set(definition);
    }
    units.push(...sealer.addChange(this.#change(namespace, event), event.resumeToken, now));
    return units;
  }

  #isIncluded(namespace: string): boolean {
    let included = this.#included.get(namespace);
    if (included === undefined) {
      included = this.#options.filter.matches(namespace);
      this.#included.set(namespace, included);
    }
    return included;
  }

  #isRepeated(event: PackedChangeEvent): boolean {
    if (this.#toDrop === 0) return false;
    if (event.clusterTime !== this.#options.repeated?.clusterTime) {
      this.#toDrop = 0;
      return false;
    }
    this.#toDrop--;
    return true;
  }

  #change(namespace: string, event: PackedChangeEvent): Change {
    const { known, identity } = this.#options;
    const definition = known.get(namespace);
    let names = this.#names.get(namespace);
    if (!names) {
      names = namespaceHash(namespace);
      this.#names.set(namespace, names);
    }
    return new EventChange(event, namespace, {
      namespaceHash: names,
      laneHash: definition?.singleLane ? names : null,
      lanes: identity.lanes,
      capped: definition?.capped ?? false,
    });
  }

  async *#takeStructure(event: PackedChangeEvent, now: number): AsyncGenerator<PipelineUnit> {
    const { ddl: context, known, sealer, logger } = this.#options;
    const at = { time: event.clusterTime, token: event.resumeToken };
    let decision = decideDdl(event, context);
    if (decision.kind === 'doubtful-drop') {
      decision = judgeDrop(decision.event, known, await this.#listed(decision.event.namespace));
    }
    switch (decision.kind) {
      case 'ignore':
        logger.debug('structure event left out', {
          operation: event.operationType,
          namespace: event.namespace,
          reason: decision.reason,
        });
        sealer.skip(at.time, at.token);
        return;
      case 'record':
        yield* this.#record(decision, at, now);
        return;
      case 'moved':
      case 'reread':
        yield* this.#reread(decision, event, at);
    }
  }

  /** Records with the event what it leaves, so that a later listing can be compared with it. */
  *#record({ event, definition }: Recorded, at: After, now: number): Generator<PipelineUnit> {
    const { known, sealer } = this.#options;
    const before = known.get(event.namespace);
    const left = definition ?? (before ? definitionAfter(before, event) : null);
    yield* sealer.addDdl(event, left, at, now);
    known.apply(event);
    if (left) known.set(left);
  }

  /**
   * The definition becomes known together with the position. After a crash before that, the next
   * start reads the whole collection again.
   */
  async *#reread(decision: Reread, event: PackedChangeEvent, at: After): AsyncGenerator<PipelineUnit> {
    const { known, sealer, inStream } = this.#options;
    const { namespace } = decision;
    yield* sealer.sealAll();
    const definition = yield* inStream.reread(decision, event, sealer.position);
    sealer.skip(at.time, at.token);
    yield { kind: 'position', position: sealer.position, readAgain: { namespace, definition } };
    if (definition) known.takeOver(definition, decision.kind !== 'moved' || decision.final);
  }

  #listed(namespace: string): Promise<CollectionInfo[]> {
    const { connection, signal } = this.#options;
    const { database } = splitNamespace(namespace);
    return retry(() => listCollections(connection, database, { signal }), undefined, { signal });
  }
}
