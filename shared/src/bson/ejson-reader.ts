/**
 * Reads canonical Extended JSON v2 into BSON, in one pass over the text. Beyond the canonical forms
 * it takes only plain numbers. A whole number becomes an int32 or else an int64, if it fits. Any
 * other number becomes a double. An object with a name of Extended JSON must be exactly that form.
 * A document that merely has such a name looks the same, so the reader refuses it.
 */
import { ByteWriter } from './byte-writer.ts';
import { FORMS, type FormReader, finite } from './ejson-forms.ts';
import { JsonText } from './json-text.ts';
import { BsonType, invalidDocument, MAX_DEPTH } from './raw.ts';

export class ExtendedJsonReader implements FormReader {
  readonly json: JsonText;
  readonly out: ByteWriter;
  /**
   * The place of the type byte of the value being read. The type is known only after the name is
   * written.
   */
  #typeAt = 0;

  constructor(text: string) {
    this.json = new JsonText(text);
    this.out = new ByteWriter(text.length);
  }

  readDocument(): Buffer {
    this.json.expect('{');
    if (this.json.peek() === '"') this.#fields(1, this.json.string());
    else this.#fields(1, undefined);
    this.json.end();
    return this.out.finish();
  }

  /** Sets the type byte of the value being read. The forms call it too. */
  type(type: number): void {
    this.out.patch(this.#typeAt, type);
  }

  /** Reads a document from after its opening brace, or from after its first name if it has one. */
  #fields(depth: number, first: string | undefined): void {
    if (depth > MAX_DEPTH) throw invalidDocument(`it is nested deeper than ${MAX_DEPTH} levels`);
    const start = this.out.open();
    if (first === undefined) this.json.expect('}');
    else {
      let name = first;
      for (;;) {
        if (FORMS.has(name)) throw invalidDocument('an object has a name of Extended JSON beside others');
        this.#field(name, depth);
        if (!this.json.take(',')) break;
        name = this.json.string();
      }
      this.json.expect('}');
    }
    this.out.byte(0);
    this.out.close(start);
  }

  #field(name: string, depth: number): void {
    if (name.includes('\0')) throw invalidDocument('a field name holds a zero byte');
    this.json.expect(':');
    this.#named(name, depth);
  }

  #named(name: string, depth: number): void {
    const typeAt = this.out.position;
    this.out.byte(0);
    this.out.cString(name);
    this.#typeAt = typeAt;
    this.#value(depth);
  }

  /** Reads an embedded document (a scope). No form of Extended JSON may stand in its place. */
  embedded(depth: number): void {
    this.json.expect('{');
    this.#fields(depth + 1, this.json.peek() === '"' ? this.json.string() : undefined);
  }

  #value(depth: number): void {
    switch (this.json.peek()) {
      case '{':
        this.#object(depth);
        break;
      case '[':
        this.#array(depth + 1);
        break;
      case '"':
        this.type(BsonType.string);
        this.out.string(this.json.string());
        break;
      case 't':
        this.#boolean('true', 1);
        break;
      case 'f':
        this.#boolean('false', 0);
        break;
      case 'n':
        this.json.literal('null');
        this.type(BsonType.null);
        break;
      default:
        this.#number(this.json.number());
    }
  }

  #boolean(word: string, byte: number): void {
    this.json.literal(word);
    this.type(BsonType.boolean);
    this.out.byte(byte);
  }

  #object(depth: number): void {
    this.json.expect('{');
    const first = this.json.peek() === '"' ? this.json.string() : undefined;
    const form = first === undefined ? undefined : FORMS.get(first);
    if (form) {
      this.json.expect(':');
      form(this, depth);
      this.json.expect('}');
      return;
    }
    this.type(BsonType.document);
    this.#fields(depth + 1, first);
  }

  #array(depth: number): void {
    if (depth > MAX_DEPTH) throw invalidDocument(`it is nested deeper than ${MAX_DEPTH} levels`);
    this.type(BsonType.array);
    this.json.expect('[');
    const start = this.out.open();
    if (!this.json.take(']')) {
      let index = 0;
      do this.#named(String(index++), depth);
      while (this.json.take(','));
      this.json.expect(']');
    }
    this.out.byte(0);
    this.out.close(start);
  }

  #number(text: string): void {
    const whole = /^-?\d+$/.test(text) && text !== '-0' ? BigInt(text) : undefined;
    if (whole !== undefined && BigInt.asIntN(32, whole) === whole) {
      this.type(BsonType.int32);
      this.out.int32(Number(whole));
    } else if (whole !== undefined && BigInt.asIntN(64, whole) === whole) {
      this.type(BsonType.int64);
      this.out.int64(whole);
    } else {
      this.type(BsonType.double);
      this.out.double(finite(text));
    }
  }
}
