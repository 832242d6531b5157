import { WaybillError } from '@waybill/shared/base/errors';
import type { Logger } from '@waybill/shared/base/logger';
import type { ClusterTime } from '@waybill/shared/base/position';
import type { DdlEvent } from '@waybill/shared/manifest/commit';
import type { Change } from '../record/change.ts';
import { documentIdentity } from '../record/documents.ts';
import type { Missing } from './lookup-run.ts';
import { MissingImages } from './missing-images.ts';

/** These take away the collection that had the name; a create tells that it is gone. */
const ENDS_COLLECTION: ReadonlySet<DdlEvent['operation']> = new Set([
  'create',
  'drop',
  'rename',
  'dropDatabase',
]);

/**
 * Waits for the explanation of each image that was not found, and stops the capture if none comes.
 * Called in commit order, and within a commit first with what explains, then with what is missing.
 */
export class MissingWatch {
  readonly #missing: MissingImages;
  readonly #logger: Logger;
  #toldUnchecked = 0;

  constructor(limit: number, logger: Logger) {
    this.#missing = new MissingImages(limit);
    this.#logger = logger;
  }

  explainByChange(change: Change): void {
    if (change.operation !== 'delete' || this.#missing.size === 0) return;
    this.#missing.explainDocument(documentIdentity(change.namespace, change.id));
  }

  explainByDdl({ operation, namespace, to }: DdlEvent): void {
    if (this.#missing.size === 0 || !ENDS_COLLECTION.has(operation)) return;
    this.#missing.explainNamespace(namespace);
    if (to !== undefined) this.#missing.explainNamespace(to);
  }

  /** The whole collection has been read again. */
  explainByReading(namespace: string): void {
    this.#missing.explainNamespace(namespace);
  }

  add(missing: readonly Missing[]): void {
    for (const { change, lookedUpAt } of missing) {
      // On older servers a capped collection removes documents without an event.
      if (change.capped) continue;
      this.#missing.add(documentIdentity(change.namespace, change.id), change.namespace, lookedUpAt);
    }
  }

  /** The stream has been read up to `time`. @throws SOURCE_IMAGE_UNEXPLAINED */
  check(time: ClusterTime): void {
    const { unchecked } = this.#missing;
    if (unchecked > this.#toldUnchecked) {
      this.#toldUnchecked = unchecked;
      this.#logger.warnThrottled('more missing documents than can be watched', { unchecked });
    }
    const overdue = this.#missing.overdue(time);
    if (overdue === null) return;
    throw new WaybillError(
      'SOURCE_IMAGE_UNEXPLAINED',
      `an updated document of ${overdue.namespace} is missing, and no delete, drop or rename explains it`,
      {
        hint: 'Compare the collection with `waybill verify`. If it differs, start a new stream; and please report this.',
        context: { namespace: overdue.namespace, since: overdue.since },
      },
    );
  }
}
