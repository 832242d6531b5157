/** In UTF-16 units. Below this length, measuring a text costs more than it saves. */
const LONG_TEXT = 1024;

/** A buffer that grows while BSON is written into it. */
export class ByteWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafe(Math.max(capacity, 64));
  }

  #reserve(size: number): number {
    const at = this.#length;
    const end = at + size;
    if (end > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(end, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, at);
      this.#bytes = grown;
    }
    this.#length = end;
    return at;
  }

  byte(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  int32(value: number): void {
    const at = this.#reserve(4);
    this.#bytes.writeInt32LE(value, at);
  }

  uint32(value: number): void {
    const at = this.#reserve(4);
    this.#bytes.writeUInt32LE(value, at);
  }

  int64(value: bigint): void {
    const at = this.#reserve(8);
    this.#bytes.writeBigInt64LE(value, at);
  }

  double(value: number): void {
    const at = this.#reserve(8);
    this.#bytes.writeDoubleLE(value, at);
  }

  bytes(value: Uint8Array): void {
    const at = this.#reserve(value.length);
    this.#bytes.set(value, at);
  }

  /** Writes the text in UTF-8, then a zero. */
  cString(text: string): void {
    // A UTF-16 unit takes at most three bytes. A long text is measured, so that the buffer does not
    // grow threefold.
    const room = text.length < LONG_TEXT ? text.length * 3 : Buffer.byteLength(text, 'utf8');
    const at = this.#reserve(room + 1);
    const size = this.#bytes.write(text, at, 'utf8');
    this.#bytes[at + size] = 0;
    this.#length = at + size + 1;
  }

  /** Writes the length, the text in UTF-8, then a zero. */
  string(text: string): void {
    const start = this.open();
    this.cString(text);
    this.#bytes.writeInt32LE(this.#length - start - 4, start);
  }

  /** Leaves room for a length; {@link close} fills it in. */
  open(): number {
    return this.#reserve(4);
  }

  /** Sets the length at `start`: all bytes written since, the length's own included. */
  close(start: number): void {
    this.#bytes.writeInt32LE(this.#length - start, start);
  }

  get position(): number {
    return this.#length;
  }

  /** Overwrites a byte that was written earlier. */
  patch(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}
