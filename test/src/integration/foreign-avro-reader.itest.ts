import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporaryFolder } from '@waybill/demo/servers/temporary';
import { clusterTime } from '@waybill/shared/base/position';
import type { DataRecord } from '@waybill/shared/base/record';
import type { SegmentCodec } from '@waybill/shared/segment/extension';
import { encodeChangeSegment } from '@waybill/shared/segment/write/change-writer';
import { SnapshotSegmentWriter } from '@waybill/shared/segment/write/snapshot-writer';
import { describe, expect, it } from 'vitest';
import { corpusDocuments } from '../corpus/corpus.ts';
import { document as bson, int32, string } from '../support/bson/bytes.ts';
import { placesOf } from '../support/bson/testing.ts';

// Avro is worth its name only if others read it: fastavro, in Python, shares no code with the
// product.

const run = promisify(execFile);
const script = fileURLToPath(new URL('./foreign-avro-reader.py', import.meta.url));
const cached = fileURLToPath(new URL('../../../.cache/python', import.meta.url));
const env = { ...process.env, PYTHONPATH: process.env.PYTHONPATH ?? cached };

async function missing(): Promise<string | undefined> {
  try {
    await run('python3', ['-c', 'import fastavro; fastavro.reader'], { env });
    return undefined;
  } catch {
    return 'python3 with fastavro is not here (python3 -m pip install --target .cache/python -r .ci/requirements.txt)';
  }
}

const hash = (parts: readonly Uint8Array[]): string => {
  const sha256 = createHash('sha256');
  for (const part of parts) sha256.update(part);
  return sha256.digest('hex');
};

const NAMESPACE = 'odd.größe';
const SECONDS = 4_294_967_295;
const plain = Array.from({ length: 5000 }, (_, index) =>
  bson(['_id', int32(index)], ['text', string(`line ${index} `.repeat(40))]),
);
/**
 * The odd documents have their `_id`, where they have one, as the first field; the server gives the
 * others one.
 */
const odd = corpusDocuments
  .map(({ bytes }) => bytes)
  .filter((bytes) => bytes.subarray(5, 9).equals(Buffer.from('_id\0')));

async function snapshotFile(path: string, codec: SegmentCodec): Promise<void> {
  const writer = new SnapshotSegmentWriter({
    format: 'avro',
    codec,
    namespace: NAMESPACE,
    collectionUuid: Buffer.alloc(16, 0xcd),
    clusterTime: clusterTime(SECONDS, 1),
  });
  const written = writeFile(path, writer.body);
  await writer.append(placesOf(plain));
  await writer.append(placesOf(odd));
  await writer.finish();
  await written;
}

const change = (bytes: Buffer, index: number): DataRecord => ({
  sequence: 2 ** 40 + index,
  operation: index % 2 === 0 ? 'update' : 'insert',
  namespace: NAMESPACE,
  collectionUuid: null,
  clusterTime: clusterTime(SECONDS, index),
  wallTime: index % 3 === 0 ? null : 1_790_000_000_000 + index,
  transaction: index % 4 === 0 ? { session: Buffer.alloc(16, 9), number: 2n ** 63n - 1n } : null,
  documentKey: bson(['_id', int32(index)]),
  document: index % 5 === 0 ? null : bytes,
  documentOrigin: index % 5 === 0 ? 'superseded' : 'lookup',
  update: index % 2 === 0 ? bytes : null,
  before: null,
});

const changes = [...plain, ...odd].map(change);
const lanes = [0, 1, 2].map((lane) => ({
  lane,
  records: changes.filter(({ sequence }) => sequence % 3 === lane),
}));

async function changeFile(path: string, codec: SegmentCodec): Promise<void> {
  const { chunks } = await encodeChangeSegment({ format: 'avro', codec, records: lanes });
  await writeFile(path, Buffer.concat(chunks));
}

const reason = await missing();
if (reason !== undefined) console.warn(`left out: ${reason}`);

// In CI a check that cannot run has failed.
describe.skipIf(reason !== undefined && !process.env.CI)('an Avro reader that is not ours', () => {
  it.each(['zstandard', 'deflate', 'null'] as const)(
    'reads both kinds of segments, codec %s',
    async (codec) => {
      expect(reason).toBeUndefined();
      const folder = await temporaryFolder('avro');
      try {
        const files = [join(folder.path, 'snapshot.avro'), join(folder.path, 'changes.avro')] as const;
        await snapshotFile(files[0], codec);
        await changeFile(files[1], codec);
        const { stdout } = await run('python3', [script, ...files], { env, maxBuffer: 1 << 20 });
        const [snapshot, changed] = JSON.parse(stdout) as [unknown, unknown];

        const documents = [...plain, ...odd];
        expect(snapshot).toMatchObject({
          records: documents.length,
          documents: documents.length,
          documentHash: hash(documents),
          operations: { read: documents.length },
          origins: { snapshot: documents.length },
          namespaces: [NAMESPACE],
          sequences: 0,
          seconds: [SECONDS],
          increments: documents.length,
        });

        const records = lanes.flatMap((lane) => lane.records);
        const sum = (value: (record: DataRecord) => number): number =>
          records.reduce((total, record) => total + value(record), 0);
        expect(changed).toMatchObject({
          records: records.length,
          documents: records.filter((record) => record.document !== null).length,
          documentHash: hash(records.map((record) => record.document ?? new Uint8Array())),
          keyHash: hash(records.map((record) => record.documentKey)),
          updateHash: hash(records.map((record) => record.update ?? new Uint8Array())),
          sequences: sum((record) => record.sequence),
          increments: sum((record) => Number(record.clusterTime & 0xffff_ffffn)),
          wallTimes: sum((record) => record.wallTime ?? 0),
          numbers: [String(2n ** 63n - 1n)],
        });
      } finally {
        await folder.remove();
      }
    },
  );
});
