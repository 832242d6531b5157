import { z } from 'zod';
import { checkpointSchema, commitSchema, identitySchema } from './schema.ts';

const checksum = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .describe('SHA-256 of the bytes of the file before the comma in front of this field, which is the last');

const FILES = {
  'stream.schema.json': [identitySchema, 'stream.json: what a stream is, written once'],
  'commit.schema.json': [commitSchema, 'manifest/<number>.json: one commit of a log'],
  'checkpoint.schema.json': [checkpointSchema, 'checkpoints/<number>.json: a log folded up to a number'],
} as const;

/** The files of `schemas/src` that describe the manifest, by name, as text. */
export function manifestJsonSchemas(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [name, [schema, title]] of Object.entries(FILES)) {
    const { $schema, ...body } = z.toJSONSchema(z.strictObject({ ...schema.shape, checksum }));
    files.set(name, `${JSON.stringify({ $schema, title, ...body }, null, 2)}\n`);
  }
  return files;
}
