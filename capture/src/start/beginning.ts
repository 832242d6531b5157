/** Where a new stream begins, and what there is to copy. */
import { WaybillError } from '@waybill/shared/base/errors';
import type { CollectionDefinition } from '@waybill/shared/manifest/commit';
import { positionAt, type StreamPosition } from '@waybill/shared/manifest/position';
import type { Committer } from '../commit/committer.ts';
import { milestone } from '../commit/milestone.ts';
import { pieces } from '../commit/pieces.ts';
import { ChangeStreamReader } from '../source/change-stream.ts';
import type { StreamOptions } from '../source/stream-options.ts';
import type { StartDeps } from './deps.ts';

/** Definitions in one commit. */
const DEFINITIONS_IN_COMMIT = 50;

/** Opens the change stream and tells where it begins: every change from here on will be seen. */
export async function openNow(
  stream: StreamOptions,
  awaitMs: number,
  { source, logger, signal }: StartDeps,
): Promise<StreamPosition> {
  await using reader = new ChangeStreamReader({
    connection: source,
    stream,
    start: { at: 'now' },
    lastEvent: null,
    awaitMs,
    logger,
    signal,
  });
  const { token, time, operationTime } = await reader.next();
  const clusterTime = time ?? operationTime;
  if (clusterTime === null) {
    throw new WaybillError('SOURCE_UNSUPPORTED', 'the change stream of the source has no cluster time', {
      hint: 'Sources are replica sets and sharded clusters of MongoDB 4.0.7 or later.',
    });
  }
  return positionAt(clusterTime, token);
}

/** The milestone comes with the last of them: if it is there, all of them are. */
export async function commitDefinitions(
  definitions: readonly CollectionDefinition[],
  committer: Committer,
  position: StreamPosition,
  allowEmpty: boolean,
): Promise<void> {
  const all = [...pieces(definitions, DEFINITIONS_IN_COMMIT)];
  const last = all.pop() ?? [];
  for (const collections of all) await committer.commit({ collections });
  const started = milestone('snapshot-started', position.clusterTime, committer.state.lastSequence, {
    collections: definitions.length,
    ...(allowEmpty && { allowEmpty }),
  });
  await committer.commit({ ...(last.length > 0 && { collections: last }), milestones: [started] });
}
