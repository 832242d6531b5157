import { WaybillError } from '@waybill/shared/errors';
import { serverCode } from '@waybill/shared/mongo/classify';

/**
 * CappedPositionLost, InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost; and what 4.0 said instead: the
 * token was not found, the resume point is no longer in the oplog, the token is of another stream.
 */
const HISTORY_LOST_CODES: ReadonlySet<number> = new Set([136, 260, 280, 286, 40576, 40585, 40615]);
/** BSONObjectTooLarge: carries no label, and would come again at every attempt. */
const EVENT_TOO_LARGE_CODE = 10334;

/** What an error of the change stream means; errors that say nothing special come back as they are. */
export function classifyStreamError(error: unknown): unknown {
  const code = serverCode(error);
  if (code === undefined) return error;
  if (HISTORY_LOST_CODES.has(code)) {
    return new WaybillError(
      'SOURCE_HISTORY_LOST',
      "the source no longer holds the changes after the stream's position",
      {
        hint: 'Start a new stream (another --stream), which takes a new snapshot; give the source a larger oplog first.',
        context: { serverCode: code },
        cause: error,
      },
    );
  }
  if (code === EVENT_TOO_LARGE_CODE) {
    return new WaybillError('SOURCE_EVENT_TOO_LARGE', 'a change event is larger than 16 MiB', {
      hint: 'Upgrade the source to 6.0.9, 7.0 or later, which can split such events; or use --images=lookup, with which fewer events grow that large.',
      context: { serverCode: code },
      cause: error,
    });
  }
  return error;
}
