import type { ClusterTime } from '../../base/position.ts';
import { buildDocument, string, timestamp } from '../../bson/build.ts';
import { type RawField, rawDocument } from '../driver/raw-value.ts';

/** For a command that reads nothing older than `notBefore`, if that is given. */
export function readConcernOf(level: 'majority' | 'local', notBefore: ClusterTime | undefined): RawField {
  return rawDocument(
    buildDocument([
      ['level', string(level)],
      ...(notBefore === undefined ? [] : [['afterClusterTime', timestamp(notBefore)] as const]),
    ]),
  );
}
