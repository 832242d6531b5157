/**
 * What it means when a cursor fails: one rule for every cursor of ours.
 *
 *   lost    the server gave the cursor up, and what it read may still be there: a new cursor goes
 *   on or finds out. Such an error is MONGO_TRANSIENT, so whoever retries opens again
 *   gone    nothing stands under the name that the cursor was to be opened on. By uuid: see
 *   collection-identity.ts other   what the connection made of it
 */
import { hasCode, WaybillError } from '../../base/errors.ts';
import { failureOf, serverCode } from './classify.ts';

/**
 * CursorNotFound, CappedPositionLost (a capped collection overtook the cursor), QueryPlanKilled
 * (its collection or index was dropped or renamed), CursorKilled, Interrupted (somebody killed the
 * operation).
 */
const LOST_CODES: ReadonlySet<number | undefined> = new Set([43, 136, 175, 237, 11601]);
/**
 * 4.0 has no code of its own for a getMore after a drop or rename, and says this one
 * of other failures as well.
 */
const OPERATION_FAILED = 96;
const DROPPED = /\b(dropped|renamed)\b|between getMore calls/i;
const NAMESPACE_NOT_FOUND = 26;

export function isLostCursor(error: unknown): boolean {
  const failure = failureOf(error);
  if (LOST_CODES.has(failure?.code)) return true;
  return failure?.code === OPERATION_FAILED && DROPPED.test(failure.message);
}

export function isGone(error: unknown): boolean {
  return serverCode(error) === NAMESPACE_NOT_FOUND;
}

/**
 * The error of a command that opens a cursor or asks for more of it, so that it says whether
 * opening again is worth it.
 */
export function cursorError(error: unknown): unknown {
  if (!hasCode(error, 'MONGO_COMMAND_FAILED') || !isLostCursor(error)) return error;
  const { message, hint, context } = error;
  return new WaybillError('MONGO_TRANSIENT', message, { hint, context, cause: error });
}
