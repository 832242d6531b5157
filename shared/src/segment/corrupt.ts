import { WaybillError } from '../base/errors.ts';

/**
 * Makes SEGMENT_CORRUPT. `what` says what is wrong, and follows "the segment <key> is damaged:".
 */
export function corrupt(key: string, what: string, cause?: unknown): WaybillError {
  return new WaybillError('SEGMENT_CORRUPT', `the segment ${key} is damaged: ${what}`, {
    hint: 'Restore the file from a copy, or take the data again into a new stream. No load counts this file as applied.',
    context: { key },
    cause,
  });
}

function unsupported(key: string, what: string): WaybillError {
  return new WaybillError('FORMAT_UNSUPPORTED', `the segment ${key} cannot be read: ${what}`, {
    hint: 'Use the version of Waybill that wrote the stream, or a newer one.',
    context: { key },
  });
}

/** The pure decoders throw this at something that a later version may have added. */
export class UnknownFeature extends Error {
  override readonly name = 'UnknownFeature';
}

/**
 * Adds the segment's name to an error of the pure decoders. They throw a RangeError at bytes that
 * cannot be right.
 */
export function named(key: string, error: unknown): unknown {
  if (error instanceof UnknownFeature) return unsupported(key, error.message);
  return error instanceof RangeError ? corrupt(key, error.message, error) : error;
}
