/** The indexes of one collection on the target: commands and marks, each tried again. */
import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import { fromObject, type Plain } from '@waybill/shared/bson/build';
import { BsonType } from '@waybill/shared/bson/raw';
import { indexName } from '../structure/index-spec.ts';
import { markRestored, unmarkRestored } from '../structure/restored-indexes.ts';
import type { Fields, LoadTarget, UniqueConversion, WriteTag } from '../target/target.ts';

export interface IndexCommandsDeps {
  readonly target: LoadTarget;
  readonly tag: WriteTag;
  readonly signal: AbortSignal;
}

export class IndexCommands {
  readonly #namespace: string;
  readonly #deps: IndexCommandsDeps;

  constructor(namespace: string, deps: IndexCommandsDeps) {
    this.#namespace = namespace;
    this.#deps = deps;
  }

  standing(): Promise<readonly Buffer[]> {
    return this.#attempt(({ target }) => target.indexes(this.#namespace));
  }

  /** The one of that name that stands there. */
  async find(name: string): Promise<Buffer | undefined> {
    return (await this.standing()).find((index) => indexName(index) === name);
  }

  create(spec: Uint8Array): Promise<void> {
    return this.#attempt(({ target, tag, signal }) =>
      target.createIndexes(this.#namespace, [spec], tag, signal),
    );
  }

  drop(name: string): Promise<boolean> {
    return this.#attempt(({ target, tag }) => target.dropIndex(this.#namespace, name, tag));
  }

  tryUnique(name: string): Promise<UniqueConversion | null> {
    return this.#attempt(({ target, tag }) => target.tryUnique(this.#namespace, name, tag));
  }

  makeUnique(name: string): Promise<UniqueConversion> {
    return this.#attempt(({ target, tag }) => target.makeUnique(this.#namespace, name, tag));
  }

  modify(name: string, change: Readonly<Record<string, Plain>>): Promise<void> {
    const bytes = fromObject({ name, ...change });
    return this.modifyCollection([['index', { type: BsonType.document, bytes }]]);
  }

  modifyCollection(fields: Fields): Promise<void> {
    return this.#attempt(({ target, tag }) => target.modify(this.#namespace, fields, tag));
  }

  /** Before the index is touched: a load that the index is in the way of knows it by this mark. */
  mark(index: string): Promise<void> {
    const restored = { namespace: this.#namespace, index };
    return this.#attempt(({ target, tag }) => markRestored(target.progress, tag.load, restored));
  }

  unmark(index: string): Promise<void> {
    const restored = { namespace: this.#namespace, index };
    return this.#attempt(({ target, tag }) => unmarkRestored(target.progress, tag.load, restored));
  }

  #attempt<T>(operation: (deps: IndexCommandsDeps) => Promise<T>): Promise<T> {
    return retry(() => operation(this.#deps), DEFAULT_RETRY, { signal: this.#deps.signal });
  }
}
