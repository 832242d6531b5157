import { WaybillError } from '../errors.ts';

/** SEGMENT_CORRUPT: what is wrong is said so that it follows "The segment <key> is damaged:". */
export function corrupt(key: string, what: string, cause?: unknown): WaybillError {
  return new WaybillError('SEGMENT_CORRUPT', `The segment ${key} is damaged: ${what}.`, {
    hint: 'Restore the file from a copy, or take the data again into a new stream. Nothing of the file was applied.',
    context: { key },
    cause,
  });
}

export function unsupported(key: string, what: string): WaybillError {
  return new WaybillError('FORMAT_UNSUPPORTED', `The segment ${key} cannot be read: ${what}.`, {
    hint: 'Use the version of Waybill that wrote the stream, or a newer one.',
    context: { key },
  });
}

/** The pure decoders say with a RangeError what cannot be; here it gets the segment's name. */
export function asCorrupt(key: string, error: unknown): unknown {
  return error instanceof RangeError ? corrupt(key, error.message, error) : error;
}
