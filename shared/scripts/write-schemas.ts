/**
 * Writes the manifest's JSON schemas anew from the zod schemas:
 * `node shared/scripts/write-schemas.ts`, then `npm run format`.
 */
import { writeFileSync } from 'node:fs';
import { manifestJsonSchemas } from '../src/manifest/json-schemas.ts';

for (const [name, text] of manifestJsonSchemas()) {
  writeFileSync(new URL(`../../schemas/src/${name}`, import.meta.url), text);
}
