import * as b from '../support/bson/bytes.ts';
import { type CorpusDocument, collection, named } from './entry.ts';

const simple = (id: b.Value, name: string, ...fields: readonly b.Field[]): CorpusDocument => ({
  name,
  bytes: b.document(['_id', id], ['name', b.string(name)], ...fields),
});

export const collated = collection(
  'collated',
  ['Alpha', 'beta', 'GAMMA', 'délta', 'straße', '10', '9', 'Zulu', 'éclair', 'Omega'].map((id) =>
    simple(b.string(id), `collated ${id}`, ['word', b.string(id.toUpperCase())]),
  ),
  {
    options: { collation: { locale: 'en', strength: 2 } },
    indexes: [
      { spec: { name: 'word_inherits', key: { word: 1 } } },
      { spec: { name: 'word_simple', key: { word: 1 }, collation: { locale: 'simple' } } },
      { spec: { name: 'word_french', key: { word: -1 }, collation: { locale: 'fr', strength: 1 } } },
    ],
  },
);

/** Ids descend, so the order of insertion is not the order of `_id`. */
export const capped = collection(
  'capped',
  Array.from({ length: 30 }, (_, index) => simple(b.int32(1000 - index * 7), `capped ${index}`)),
  { options: { capped: true, size: 65_536, max: 40 } },
);

export const clustered = collection(
  'clustered',
  [9, 3, 7, 1, 5].map((n) => simple(b.object(['day', b.date(BigInt(n) * 86_400_000n)]), `clustered ${n}`)),
  { options: { clusteredIndex: { key: { _id: 1 }, unique: true, name: 'by day' } }, since: 6 },
);

/**
 * Holds a document that its validator would refuse: the document was there before the validator.
 */
export const validated = collection(
  'validated',
  [
    simple(b.int32(1), 'valid', ['price', b.int32(5)]),
    simple(b.int32(2), 'invalid', ['price', b.string('free')]),
  ],
  {
    options: {
      validator: { $jsonSchema: { bsonType: 'object', properties: { price: { bsonType: 'number' } } } },
      validationLevel: 'moderate',
      validationAction: 'error',
    },
  },
);

export const empty = collection('empty', []);

export const view = collection('view', [], {
  options: {
    viewOn: 'values',
    pipeline: [{ $match: { v: { $exists: true } } }, { $project: { v: 1 } }],
    collation: { locale: 'de' },
  },
});

const point = (x: number, y: number): b.Value =>
  b.object(['type', b.string('Point')], ['coordinates', b.array(b.double(x), b.double(y))]);

export const indexed = collection(
  'indexed',
  Array.from({ length: 10 }, (_, n) =>
    simple(
      b.int32(n),
      `indexed ${n}`,
      ['email', b.string(`user${n}@example.test`)],
      ['code', n % 3 === 0 ? b.nullValue : b.int64(BigInt(n))],
      ['at', b.date(4_000_000_000_000n + BigInt(n))],
      ['text', b.string(`the quick brown fox ${n}`)],
      ['where', point(n, n / 2)],
      ['flat', b.array(b.double(n), b.double(-n))],
      ['tags', b.array(b.string('a'), b.string(`t${n}`))],
      ['deep', b.object(['x', b.object(['y', b.int32(n)])])],
    ),
  ),
  {
    indexes: [
      { spec: { name: 'unique', key: { email: 1 }, unique: true } },
      { spec: { name: 'unique sparse', key: { absent: 1 }, unique: true, sparse: true } },
      {
        spec: {
          name: 'unique partial',
          key: { code: 1 },
          unique: true,
          partialFilterExpression: { code: { $gt: 0 } },
        },
      },
      { spec: { name: 'ttl', key: { at: 1 }, expireAfterSeconds: 3600 } },
      { spec: { name: 'compound', key: { 'deep.x.y': -1, tags: 1 } } },
      {
        spec: {
          name: 'text',
          key: { text: 'text', name: 'text' },
          weights: { name: 5 },
          default_language: 'english',
          language_override: 'lang',
        },
      },
      { spec: { name: 'sphere', key: { where: '2dsphere' } } },
      { spec: { name: 'plane', key: { flat: '2d' }, min: -500, max: 500, bits: 20 } },
      { spec: { name: 'hashed', key: { email: 'hashed' } } },
      { spec: { name: 'wildcard', key: { 'deep.$**': 1 } }, since: 4.2 },
      { spec: { name: 'hidden', key: { name: 1 }, hidden: true }, since: 4.4 },
      { spec: { name: 'compound hashed', key: { name: 1, email: 'hashed' } }, since: 4.4 },
    ],
  },
);

function nest(levels: number, wrap: (inner: b.Value) => b.Value): b.Value {
  let value = b.string('bottom');
  for (let level = 0; level < levels; level++) value = wrap(value);
  return value;
}

const LARGEST = 16 * 1024 * 1024;

/** Bytes that do not compress, always the same. */
function noise(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = 0x9e37_79b9;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

function ofSize(name: string, size: number): CorpusDocument {
  const overhead = named(name, ['fill', b.binary(0, '')]).bytes.length;
  return named(name, ['fill', b.binary(0, noise(size - overhead))]);
}

export const extremes = collection('extremes', [
  named('no other field'),
  named('100 levels of documents', ['v', nest(99, (inner) => b.object(['n', inner]))]),
  named('100 levels of arrays', ['v', nest(99, (inner) => b.array(inner))]),
  named('10,000 fields', ...Array.from({ length: 10_000 }, (_, n): b.Field => [`f${n}`, b.int32(n)])),
  ofSize('close to 16 MiB', LARGEST - 1024),
  ofSize('16 MiB to the byte', LARGEST),
]);

/** At the top level, where a server puts in its own time unless told not to. */
export const zeroTimestamps = collection('zero_timestamps', [
  { ...named('timestamp zero, top level', ['v', b.timestamp(0, 0)], ['w', b.timestamp(0, 0)]), since: 8 },
]);
