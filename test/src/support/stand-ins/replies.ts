/** What a stand-in answers, and how it changes what the server behind it answers. */
import { buildDocument, type Field, fromObject } from '@waybill/shared/bson/build';
import { elements } from '@waybill/shared/bson/raw';
import { BSON } from 'mongodb-4-0';
import type { Fault, Reply } from './rules.ts';

export function refusal({ code, codeName, text, labels }: Fault): Buffer {
  const errorLabels = labels.length > 0 ? [...labels] : undefined;
  return fromObject({ ok: 0, errmsg: text, code, codeName, errorLabels });
}

export function without(reply: Buffer, names: ReadonlySet<string>): Buffer {
  const fields: Field[] = [];
  for (const element of elements(reply)) {
    if (!names.has(element.name)) fields.push([element.nameBytes, element]);
  }
  return buildDocument(fields);
}

/** For replies of the server that hold no users' documents. */
export function changed(reply: Buffer, change: (reply: Reply) => Reply): Buffer {
  return Buffer.from(
    BSON.serialize(change(BSON.deserialize(reply, { promoteValues: false, promoteBuffers: false }))),
  );
}

/** A statement that the stand-in refused, by its index within the command. */
export interface RefusedStatement {
  readonly index: number;
  readonly fault: Fault;
}

interface WriteReply {
  readonly n?: unknown;
  readonly writeErrors?: readonly { readonly index: number }[];
  readonly upserted?: readonly { readonly index: number }[];
}

/** The reply about the statements that were `sent`, as one about all of them. */
export function withRefused(
  reply: Buffer,
  sent: readonly number[],
  refused: readonly RefusedStatement[],
  isOrdered: boolean,
): Buffer {
  if (refused.length === 0) return reply;
  return changed(reply, (fields) => {
    const { writeErrors = [], upserted } = BSON.deserialize(reply) as WriteReply;
    const back = <T extends { readonly index: number }>(entry: T): T => ({
      ...entry,
      index: sent[entry.index]!,
    });
    const ours = refused.map(({ index, fault: { code, text } }) => ({ index, code, errmsg: text }));
    const all = [...writeErrors.map(back), ...ours].toSorted((a, b) => a.index - b.index);
    // Nothing after the first error was done.
    if (isOrdered) all.splice(1);
    return { ...fields, ...(upserted && { upserted: upserted.map(back) }), writeErrors: all };
  });
}

export const nothingWritten = (): Buffer => fromObject({ n: 0, ok: 1 });
export const done = (): Buffer => fromObject({ ok: 1 });

/** Names of collections without their uuids. */
export function withoutUuids(reply: Buffer): Buffer {
  return changed(reply, (fields) => {
    const cursor = fields.cursor as { readonly [batch: string]: unknown };
    const bare = (batch: unknown): unknown =>
      Array.isArray(batch)
        ? batch.map(({ info: { uuid: _, ...info }, ...rest }) => ({ ...rest, info }))
        : batch;
    return {
      ...fields,
      cursor: Object.fromEntries(Object.entries(cursor).map(([name, value]) => [name, bare(value)])),
    };
  });
}
