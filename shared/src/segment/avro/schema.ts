import schema from '@waybill/schemas/record.avsc.json' with { type: 'json' };
import avsc from 'avsc';

/**
 * The writer schema of every Avro segment. avsc is the truth about it. The encoder and decoder
 * beside this file are written by hand and have its field order built in. Tests compare them with
 * avsc byte for byte.
 */
export const RECORD_SCHEMA_TEXT = JSON.stringify(schema);

let fingerprint: Buffer | undefined;

const fingerprintOf = (parsed: avsc.Schema): Buffer => avsc.Type.forSchema(parsed).fingerprint('sha256');

/**
 * True if a file's writer schema lays its records out as Waybill's does: the same names, types and
 * order of fields. Documentation may differ. For a text that is not a schema it returns false.
 */
export function isRecordSchema(text: string): boolean {
  if (text === RECORD_SCHEMA_TEXT) return true;
  try {
    fingerprint ??= fingerprintOf(schema as avsc.Schema);
    return fingerprintOf(JSON.parse(text) as avsc.Schema).equals(fingerprint);
  } catch {
    return false;
  }
}
