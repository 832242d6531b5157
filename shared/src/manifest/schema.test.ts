import { readFileSync } from 'node:fs';
import { sampleBody, sampleIdentity, sampleMilestone, UUID } from '@waybill/test/support/manifest/samples';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { nextCommit } from './append.ts';
import { checkpointOf } from './checkpoint.ts';
import { decodeIdentity, encodeCheckpoint, encodeIdentity } from './codec.ts';
import type * as contract from './commit.ts';
import { foldCommit } from './fold.ts';
import { manifestJsonSchemas } from './json-schemas.ts';
import type {
  chunkPlanSchema,
  chunkProgressSchema,
  collectionSchema,
  commitSchema,
  ddlSchema,
  identitySchema,
  laneRunSchema,
  milestoneSchema,
  positionSchema,
  segmentEntrySchema,
} from './schema.ts';
import { sealJson } from './sealed-json.ts';
import { EMPTY_STATE } from './state.ts';

const committed = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`../../../schemas/src/${name}`, import.meta.url), 'utf8'));

test('the zod schemas know every field of the contract and no other', () => {
  type Keys<T> = T extends unknown ? keyof T : never;
  expectTypeOf<Keys<z.infer<typeof commitSchema>>>().toEqualTypeOf<keyof contract.Commit>();
  expectTypeOf<Keys<z.infer<typeof segmentEntrySchema>>>().toEqualTypeOf<keyof contract.SegmentEntry>();
  expectTypeOf<Keys<z.infer<typeof laneRunSchema>>>().toEqualTypeOf<keyof contract.LaneRun>();
  expectTypeOf<Keys<z.infer<typeof positionSchema>>>().toEqualTypeOf<keyof contract.CommittedPosition>();
  expectTypeOf<Keys<z.infer<typeof collectionSchema>>>().toEqualTypeOf<keyof contract.CollectionDefinition>();
  expectTypeOf<Keys<z.infer<typeof chunkPlanSchema>>>().toEqualTypeOf<keyof contract.ChunkPlan>();
  expectTypeOf<Keys<z.infer<typeof chunkProgressSchema>>>().toEqualTypeOf<keyof contract.ChunkProgress>();
  expectTypeOf<Keys<z.infer<typeof ddlSchema>>>().toEqualTypeOf<keyof contract.DdlEvent>();
  expectTypeOf<Keys<z.infer<typeof milestoneSchema>>>().toEqualTypeOf<keyof contract.Milestone>();
  expectTypeOf<Keys<z.infer<typeof identitySchema>>>().toEqualTypeOf<keyof contract.StreamIdentity>();
  expectTypeOf<z.infer<typeof milestoneSchema>['name']>().toEqualTypeOf<contract.MilestoneName>();
  expectTypeOf<z.infer<typeof ddlSchema>['operation']>().toEqualTypeOf<contract.DdlOperation>();
});

test('the JSON schemas are those of the zod schemas', () => {
  for (const [name, text] of manifestJsonSchemas()) expect(committed(name), name).toEqual(JSON.parse(text));
});

/**
 * Places in a schema that let a file hold anything of any size. A reader keeps, counts or makes
 * something for each.
 */
function unbounded(schema: unknown, at: string): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { type, ...rest } = schema as Record<string, unknown>;
  const isFixed = 'const' in rest || 'enum' in rest;
  const isOpen =
    (type === 'string' &&
      !isFixed &&
      !('maxLength' in rest) &&
      /[*+]|^undefined$/.test(String(rest.pattern))) ||
    ((type === 'number' || type === 'integer') && !isFixed && !('maximum' in rest && 'minimum' in rest)) ||
    (type === 'array' && !('maxItems' in rest));
  return [
    ...(isOpen ? [at] : []),
    ...Object.entries(schema).flatMap(([name, each]) => unbounded(each, `${at}/${name}`)),
  ];
}

test.each([...manifestJsonSchemas()])('%s bounds every number, text and list', (_name, text) => {
  expect(unbounded(JSON.parse(text), '')).toEqual([]);
});

test('a stream of more lanes than a load could keep is refused', () => {
  const identity = {
    formatVersion: 1 as const,
    features: [],
    createdAt: '2026-01-01T00:00:00Z',
    ...sampleIdentity,
  };
  const sealed = (lanes: number): Buffer => sealJson({ ...identity, lanes });
  expect(decodeIdentity(sealed(1024), 'stream.json').lanes).toBe(1024);
  for (const lanes of [1025, 2_000_000_000]) {
    expect(() => decodeIdentity(sealed(lanes), 'stream.json')).toThrow(
      expect.objectContaining({ code: 'MANIFEST_CORRUPT' }),
    );
  }
});

const first = nextCommit(EMPTY_STATE, { epoch: 1, writer: 'w', attempt: 'a' }, sampleBody);
const state = foldCommit(EMPTY_STATE, first);
const ddl = nextCommit(
  state,
  { epoch: 1, writer: 'w', attempt: 'b' },
  {
    ddl: [
      {
        operation: 'rename',
        namespace: 'shop.a',
        to: 'shop.b',
        collectionUuid: UUID,
        clusterTime: '1:1',
        wallTime: null,
        description: null,
      },
    ],
  },
);
const note = nextCommit(
  state,
  { epoch: 1, writer: 'w', attempt: 'b' },
  { note: true, milestones: [sampleMilestone('writes-stopped')] },
);
const identity = encodeIdentity({
  formatVersion: 1,
  features: [],
  createdAt: '2026-11-21T03:00:00.000Z',
  ...sampleIdentity,
});

/** The committed file, read by code that never saw the zod schema. */
const validator = (name: string): z.ZodType => z.fromJSONSchema(committed(name) as never);
const parse = (bytes: Uint8Array): Record<string, unknown> => JSON.parse(Buffer.from(bytes).toString());

describe.each([
  ['commit.schema.json', 'a full commit', first.encoded],
  ['commit.schema.json', 'a DDL commit', ddl.encoded],
  ['commit.schema.json', 'a note', note.encoded],
  ['checkpoint.schema.json', 'a checkpoint', encodeCheckpoint(checkpointOf(state))],
  ['stream.schema.json', 'an identity', identity],
])('%s', (name, what, bytes) => {
  const schema = validator(name);

  test(`takes ${what}`, () => {
    expect(schema.safeParse(parse(bytes)).error?.issues ?? []).toEqual([]);
  });

  test(`refuses ${what} with a field missing, added or of another type`, () => {
    const whole = parse(bytes);
    const optional = new Set(Object.keys(sampleBody).concat('note', 'ddl'));
    if (name !== 'commit.schema.json') optional.clear();
    for (const field of Object.keys(whole)) {
      const { [field]: value, ...rest } = whole;
      if (!optional.has(field)) expect(schema.safeParse(rest).success, `without ${field}`).toBe(false);
      const other = typeof value === 'number' ? 'text' : 1.5;
      expect(schema.safeParse({ ...rest, [field]: other }).success, `another ${field}`).toBe(false);
    }
    expect(schema.safeParse({ ...whole, surplus: 1 }).success).toBe(false);
  });
});
