/**
 * A target of 4.0 refuses documents that a newer source has. It says so for each of them, so no
 * check is needed: all others of a batch are written, and none is lost without a word.
 */
import type { Refusal } from '@waybill/load/apply/refusal';
import { DocumentCheck } from '@waybill/load/checks/check-document';
import { buildDocument, doc, type Field, fromObject, int32, string } from '@waybill/shared/bson/build';
import { documentId } from '@waybill/shared/bson/statement';
import { expect } from 'vitest';
import { hex, itLoadsDocuments, order } from '../support/load-documents.ts';
import { describeWithServer } from '../support/servers.ts';
import { put } from '../support/stream-builder.ts';
import { connectTarget } from '../support/target/connect-target.ts';

const one = int32(1);
const NAMES: Readonly<Record<string, readonly Field[]>> = {
  dotted: [['a.b', one]],
  'dotted inside': [['a', doc(buildDocument([['b.c', one]]))]],
  dollar: [['$a', one]],
  'dollar inside': [['a', doc(buildDocument([['$b', one]]))]],
  'dollar first inside': [['a', doc(buildDocument([['$set', one]]))]],
  DBRef: [['a', doc(fromObject({ $ref: 'c', $id: 1 }))]],
  empty: [['', one]],
};

await describeWithServer(
  'a target of 4.0',
  (servers) => {
    const it = itLoadsDocuments(() => servers.target.uri, 'old_names');

    it('refuses documents one by one, which an assessment foretells', async ({
      orders,
      stream,
      run,
      stored,
    }) => {
      const odd = (id: string): Buffer[] =>
        Object.entries(NAMES).map(([name, fields]) =>
          buildDocument([['_id', string(`${id} ${name}`)], ...fields]),
        );
      const wide = (bytes: number): Buffer => buildDocument([['_id', string('k'.repeat(bytes))]]);
      const plain = Array.from({ length: 40 }, (_, n) => order(int32(n), n));
      const copied = [...odd('copied'), wide(1011), wide(1012), ...plain.slice(0, 20)];
      const changed = [...odd('changed'), ...plain.slice(20)];
      await stream.snapshot([{ namespace: orders, documents: copied }]);
      await stream.changes(changed.map((each) => put(orders, each)));
      await stream.changes(odd('copied').map((each) => put(orders, each, 'update')));
      await stream.milestone('caught-up');
      const refusals: Refusal[] = [];
      await run({ until: 'caught-up', onRefused: async (some) => void refusals.push(...some) });

      const there = new Set([...(await stored()).values()].map(hex));
      const refused = new Set(refusals.map(({ document }) => hex(Buffer.from(document!))));
      await using target = await connectTarget(servers.target.uri);
      const check = new DocumentCheck(target.assessedRules!);
      for (const each of [...copied, ...changed]) {
        const isRefused = check.check(documentId(each), each) !== null;
        expect([there.has(hex(each)), refused.has(hex(each))], each.toString('latin1')).toEqual([
          !isRefused,
          isRefused,
        ]);
      }
      expect(refused.size).toBe(3);
    });
  },
  { target: 'oldest' },
);
