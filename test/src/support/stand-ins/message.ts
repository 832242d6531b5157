/**
 * Messages of MongoDB's wire protocol, as far as drivers send them: OP_MSG, and the OP_QUERY with
 * which a driver says hello to a server that it does not know yet.
 */
import { asBuffer, documentSize } from '@waybill/shared/bson/raw';

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const CHECKSUM_PRESENT = 1;
const MORE_TO_COME = 2;

export interface Sequence {
  readonly name: string;
  readonly documents: readonly Buffer[];
}

export interface Message {
  readonly id: number;
  /** Says hello in the old way, and is answered so. */
  readonly isQuery: boolean;
  /** The sender waits for no answer. */
  readonly isLast: boolean;
  readonly body: Buffer;
  readonly sequences: readonly Sequence[];
}

/** Cuts a connection's bytes into messages. */
export class MessageCutter {
  #pending = Buffer.alloc(0);

  *take(bytes: Buffer): Generator<Message> {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    while (this.#pending.length >= 4) {
      const length = this.#pending.readInt32LE(0);
      if (this.#pending.length < length) return;
      const message = this.#pending.subarray(0, length);
      this.#pending = this.#pending.subarray(length);
      yield parse(message);
    }
  }
}

function parse(bytes: Buffer): Message {
  const id = bytes.readInt32LE(4);
  const opcode = bytes.readInt32LE(12);
  if (opcode === OP_QUERY) {
    const start = bytes.indexOf(0, 20) + 9;
    const body = bytes.subarray(start, start + documentSize(bytes, start));
    return { id, isQuery: true, isLast: false, body, sequences: [] };
  }
  if (opcode !== OP_MSG) throw new Error(`a message of kind ${opcode}`);
  const flags = bytes.readInt32LE(16);
  const end = bytes.length - (flags & CHECKSUM_PRESENT ? 4 : 0);
  let body: Buffer = Buffer.alloc(0);
  const sequences: Sequence[] = [];
  for (let at = 20; at < end; ) {
    const kind = bytes[at++];
    const size = bytes.readInt32LE(at);
    const section = bytes.subarray(at, at + size);
    if (kind === 0) body = section;
    else sequences.push(parseSequence(section));
    at += size;
  }
  return { id, isQuery: false, isLast: (flags & MORE_TO_COME) !== 0, body, sequences };
}

function parseSequence(section: Buffer): Sequence {
  const nameEnd = section.indexOf(0, 4);
  const documents: Buffer[] = [];
  for (let at = nameEnd + 1; at < section.length; ) {
    const size = documentSize(section, at);
    documents.push(section.subarray(at, at + size));
    at += size;
  }
  return { name: section.toString('utf8', 4, nameEnd), documents };
}

export function encodeMessage(
  { id, isLast, body, sequences }: Omit<Message, 'isQuery'>,
  answers = 0,
): Buffer {
  const pieces: Uint8Array[] = [Buffer.alloc(20), Buffer.from([0]), body];
  for (const { name, documents } of sequences) {
    const head = Buffer.from(`${'\0'.repeat(5)}${name}\0`);
    head[0] = 1;
    const size = documents.reduce((sum, { length }) => sum + length, head.length - 1);
    head.writeInt32LE(size, 1);
    pieces.push(head, ...documents);
  }
  return withHead(pieces, { id, answers, opcode: OP_MSG, flags: isLast ? MORE_TO_COME : 0 });
}

/** The answer to a {@link Message.isQuery}. */
export function encodeQueryReply(body: Uint8Array, answers: number): Buffer {
  const head = Buffer.alloc(36);
  head.writeInt32LE(1, 32);
  return withHead([head, body], { id: answers, answers, opcode: OP_REPLY, flags: 8 });
}

function withHead(
  pieces: readonly Uint8Array[],
  head: { readonly id: number; readonly answers: number; readonly opcode: number; readonly flags: number },
): Buffer {
  const message = Buffer.concat(pieces);
  message.writeInt32LE(message.length, 0);
  message.writeInt32LE(head.id, 4);
  message.writeInt32LE(head.answers, 8);
  message.writeInt32LE(head.opcode, 12);
  message.writeInt32LE(head.flags, 16);
  return asBuffer(message);
}
