import type { TargetKind } from '@waybill/load/target/profiles/profile';
import type { FenceRequest, LoadTarget, Target, WriteBatch, WriteResult } from '@waybill/load/target/target';
import { fromObject } from '@waybill/shared/bson/build';
import { replaceStatement } from '@waybill/shared/bson/statement';
import { int32 } from '../../bson/bytes.ts';
import { uniqueName } from '../../servers.ts';
import { connectTarget } from '../connect-target.ts';

/** What differs between servers that keep the contract. */
export interface Expected {
  /** Refuses writes of earlier owners of a load. */
  readonly fences: boolean;
  /** Shows running writes. */
  readonly showsWrites: boolean;
  /** Has an operation time. */
  readonly hasTime: boolean;
  readonly convertsToUnique: boolean;
  /** What its profile is. */
  readonly kind: TargetKind;
  /** Has an id of its own. */
  readonly hasIdentity: boolean;
  /** Says that a collection is gone that was to be dropped. */
  readonly missesCollections: boolean;
  /** Takes options of collections and indexes, and changes them (collMod). */
  readonly takesOptions: boolean;
  /** Names the unique index that refused a document. */
  readonly namesIndexes: boolean;
  /** One command may be larger than the largest document. */
  readonly takesLargeCommands: boolean;
}

/** What MongoDB's own replica sets do, in the current version. */
export const GENUINE: Expected = {
  fences: true,
  showsWrites: true,
  hasTime: true,
  convertsToUnique: true,
  kind: 'mongodb',
  hasIdentity: true,
  missesCollections: true,
  takesOptions: true,
  namesIndexes: true,
  takesLargeCommands: true,
};

export const signal: AbortSignal = new AbortController().signal;

/** A load's view of a target, in a database of its own, with progress in a second one. */
export class Scene implements AsyncDisposable {
  readonly target: Target & AsyncDisposable;
  readonly opened: LoadTarget;
  readonly database: string;
  readonly tag: { readonly load: string; readonly epoch: number };
  readonly #names: { readonly data: string; readonly progress: string };

  private constructor(
    target: Target & AsyncDisposable,
    opened: LoadTarget,
    names: { readonly data: string; readonly progress: string },
    epoch: number,
  ) {
    this.target = target;
    this.opened = opened;
    this.database = names.data;
    this.tag = { load: 'main', epoch };
    this.#names = names;
  }

  static async open(
    uri: string,
    names = { data: uniqueName('contract'), progress: uniqueName('contract_progress') },
    epoch = 1,
  ): Promise<Scene> {
    const target = await connectTarget(uri);
    const opened = await target.forLoad({ progressDatabase: names.progress, maxWriteMs: 60_000 });
    return new Scene(target, opened, names, epoch);
  }

  /** The next owner of the same load, on a connection of its own. */
  successor(uri: string): Promise<Scene> {
    return Scene.open(uri, this.#names, this.tag.epoch + 1);
  }

  shutOut(): Promise<boolean> {
    const documentOf = (slot: number): string => `main/slot/${slot}`;
    const slots: Omit<FenceRequest, 'tag' | 'key'> = { slots: 2, allSlots: 2, documentOf };
    return this.opened.shutOut({ tag: this.tag, key: this.#names.progress, ...slots });
  }

  write(kind: WriteBatch['kind'], name: string, statements: readonly Buffer[]): Promise<WriteResult> {
    const namespace = `${this.database}.${name}`;
    const batch = { kind, namespace, statements, bypassValidation: true, keepsOrder: false };
    return this.opened.write(batch, this.tag);
  }

  /** Ids and values of a collection, through the target's own reader. */
  async stored(name: string): Promise<readonly Buffer[]> {
    const found: Buffer[] = [];
    const range = { lower: null, upper: null, signal };
    for await (const { documents } of this.target.reader.range(`${this.database}.${name}`, range))
      found.push(...documents);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.target[Symbol.asyncDispose]();
  }
}

export const thing = (id: number, value: number | string = 0): Buffer => fromObject({ _id: id, value });
export const put = (id: number, value: number | string = 0): Buffer =>
  replaceStatement(int32(id), thing(id, value));
