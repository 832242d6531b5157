import { WaybillError } from '@waybill/shared/base/errors';
import { serverCode } from '@waybill/shared/mongo/driver/classify';
import {
  isEventTooLargeCode,
  isHistoryLostCode,
  SERVER_CODES,
} from '@waybill/shared/mongo/driver/server-codes';

/**
 * What an error means for the change stream; an error without a special meaning comes back as it
 * is.
 */
export function classifyStreamError(error: unknown): unknown {
  const code = serverCode(error);
  if (code === undefined) return error;
  if (isHistoryLostCode(code)) {
    return new WaybillError(
      'SOURCE_HISTORY_LOST',
      "the source no longer holds the changes after the stream's position",
      {
        hint: 'Start a new stream (another --stream, with --new-stream), which takes a new snapshot; give the source a larger oplog first.',
        context: { serverCode: code },
        cause: error,
      },
    );
  }
  if (isEventTooLargeCode(code)) return eventTooLarge(error, null);
  if (code === SERVER_CODES.QueryFeatureNotAllowed) {
    return new WaybillError(
      'SOURCE_UNSUPPORTED',
      'the feature compatibility version of the source is too old for a change stream of the whole cluster',
      {
        hint: "Raise it on the source: db.adminCommand({ setFeatureCompatibilityVersion: '4.0' }) with a server of 4.0. After that the source cannot go back to the version before.",
        context: { serverCode: code },
        cause: error,
      },
    );
  }
  return error;
}

/** @param namespace the collection of the event; null if it was not found */
export function eventTooLarge(cause: unknown, namespace: string | null): WaybillError {
  const leaveOut = namespace === null ? 'that collection' : `the collection: --exclude ${namespace}`;
  return new WaybillError(
    'SOURCE_EVENT_TOO_LARGE',
    `a change event${namespace === null ? '' : ` of ${namespace}`} is larger than the source can send; a token holds its _id twice, so an _id of megabytes is enough`,
    {
      hint: `Leave out ${leaveOut}, and move it by other means. If it is not the _id that is large, a source of 6.0.9, 7.0 or later can split such events.`,
      context: { serverCode: serverCode(cause), ...(namespace !== null && { namespace }) },
      cause,
    },
  );
}
