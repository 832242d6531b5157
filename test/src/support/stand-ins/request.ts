/** A command as a stand-in sees it. */
import { buildDocument, type Field, string } from '@waybill/shared/bson/build';
import { BsonType, eachDocument, elements, findElement, type RawElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import { encodeMessage, type Message } from './message.ts';

export type WriteKind = 'insert' | 'update' | 'delete';

const STATEMENTS: Readonly<Record<WriteKind, string>> = {
  insert: 'documents',
  update: 'updates',
  delete: 'deletes',
};
/** What every command may have, whatever it is. */
const ALWAYS_TAKEN = new Set(['$db', 'lsid', '$readPreference', '$clusterTime']);

export class Request {
  readonly message: Message;
  readonly command: string;
  readonly database: string;
  /** Of the collection that the command is about; null where its value is no name. */
  readonly collection: string | null;
  /** Null where it writes no documents. */
  readonly kind: WriteKind | null;
  readonly statements: readonly Buffer[];

  constructor(message: Message) {
    const [first] = elements(message.body);
    this.message = message;
    this.command = first?.name ?? '';
    this.collection = first?.type === BsonType.string ? readString(first) : null;
    this.database = this.text('$db') ?? 'admin';
    this.kind = this.command in STATEMENTS ? (this.command as WriteKind) : null;
    this.statements = this.kind ? this.documents(STATEMENTS[this.kind]) : [];
  }

  get namespace(): string {
    return `${this.database}.${this.collection}`;
  }

  /** Of its body, without what every command may have. */
  get names(): readonly string[] {
    return [...elements(this.message.body)].map(({ name }) => name).filter((name) => !ALWAYS_TAKEN.has(name));
  }

  field(name: string): RawElement | undefined {
    return findElement(this.message.body, name);
  }

  text(name: string): string | undefined {
    const found = this.field(name);
    return found?.type === BsonType.string ? readString(found) : undefined;
  }

  isTrue(name: string): boolean {
    const found = this.field(name);
    return found?.type === BsonType.boolean && found.bytes[0] === 1;
  }

  get isOrdered(): boolean {
    return !this.field('ordered') || this.isTrue('ordered');
  }

  get isInTransaction(): boolean {
    return this.field('autocommit') !== undefined;
  }

  /** A list of the command, in its body or beside it. */
  documents(name: string): readonly Buffer[] {
    const sequence = this.message.sequences.find((one) => one.name === name);
    if (sequence) return sequence.documents;
    const found = this.field(name);
    const documents: Buffer[] = [];
    if (found?.type !== BsonType.array) return documents;
    const array = Buffer.from(found.bytes);
    eachDocument(array, (start, end) => documents.push(array.subarray(start, end)));
    return documents;
  }

  /** The message without fields, and with other statements. */
  forward(left: ReadonlySet<string>, statements: readonly Buffer[]): Buffer {
    const list = this.kind ? STATEMENTS[this.kind] : null;
    const fields: Field[] = [];
    for (const element of elements(this.message.body)) {
      if (!left.has(element.name) && element.name !== list) fields.push([element.nameBytes, element]);
    }
    // The hello of old names its database elsewhere.
    if (this.message.isQuery) fields.push(['$db', string(this.database)]);
    const sequences = list ? [{ name: list, documents: statements }] : this.message.sequences;
    return encodeMessage({ ...this.message, body: buildDocument(fields), sequences });
  }
}
