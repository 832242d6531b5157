/** What becomes one commit each, in the order of the stream. */

import type { CollectionDefinition, Reading } from '@waybill/shared/manifest/commit';
import type { StreamPosition } from '@waybill/shared/manifest/position';
import type { ToldDdl } from '../catalog/synthetic-ddl.ts';
import type { Change } from '../record/change.ts';

export type PipelineUnit = SealedUnit | PositionOnly;

export type SealedUnit = SealedChanges | SealedDdl;

export interface SealedChanges {
  readonly kind: 'changes';
  readonly changes: Change[];
  /** Before the first change. */
  readonly before: StreamPosition;
  /** After the last change. */
  readonly position: StreamPosition;
  readonly partialTransaction: boolean;
  readonly bytes: number;
}

export interface SealedDdl {
  readonly kind: 'ddl';
  readonly ddl: readonly ToldDdl[];
  readonly position: StreamPosition;
  /** The collection that is read whole behind them. */
  readonly reading?: Reading | undefined;
}

/** Only the position goes on. */
export interface PositionOnly {
  readonly kind: 'position';
  readonly position: StreamPosition;
  readonly onCommitted?: (() => void) | undefined;
  /** A collection that was read whole before this position: that explains missing images. */
  readonly readAgain?:
    | { readonly namespace: string; readonly definition: CollectionDefinition | null }
    | undefined;
}

/** Structure changes in one commit, which keeps a commit at a few KiB. */
export const DDL_EVENTS = 50;
