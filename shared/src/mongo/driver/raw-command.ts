/**
 * Raw BSON into a driver's commands. With bulk/handshake.ts and named-session.ts the only files
 * that lean on the inside of the drivers; a contract test
 * (test/src/integration/raw-command.itest.ts) proves that the bytes arrive as they are with both of
 * them.
 *
 * A field: js-bson lets an ObjectId write itself (`serializeInto`) after it has written the type
 * byte, the key and its zero. So a subclass that knows its key can go back, patch the type byte,
 * and write any payload. It has to be the driver's own ObjectId class, since js-bson refuses values
 * of another major version. A sequence: `DocumentSequence` takes serialized documents; the driver
 * sends it as a section of its own, uncopied. Rejected: binary fields (the server sees binData),
 * Map subclasses (objects again, slow), an own OP_MSG writer (pooling, TLS, authentication and
 * sessions would be ours).
 */
import type { Driver } from './driver.ts';
import { type RawElement, RawField, RawSequence } from './raw-value.ts';

export type CommandEncoder = (command: Readonly<Record<string, unknown>>) => Record<string, unknown>;

interface SelfWriting {
  serializeInto(buffer: Uint8Array, index: number): number;
}

type SelfWritingClass = new (key: string, element: RawElement) => SelfWriting;

/** An ObjectId has 12 bytes, and its constructor makes one up unless it is given them. */
const PLACEHOLDER = '000000000000000000000000';

function rawValueClass(driver: Driver): SelfWritingClass {
  return class RawValue extends driver.module.ObjectId {
    readonly #keyBytes: number;
    readonly #element: RawElement;

    constructor(key: string, element: RawElement) {
      super(PLACEHOLDER);
      this.#keyBytes = Buffer.byteLength(key);
      this.#element = element;
    }

    serializeInto(buffer: Uint8Array, index: number): number {
      buffer[index - this.#keyBytes - 2] = this.#element.type;
      buffer.set(this.#element.bytes, index);
      return this.#element.bytes.length;
    }
  } as unknown as SelfWritingClass;
}

/**
 * Exchanges RawField and RawSequence values at the top level of a command for what the driver sends
 * as these bytes.
 */
export function commandEncoder(driver: Driver): CommandEncoder {
  const RawValue = rawValueClass(driver);
  return (command) => {
    const encoded: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(command)) {
      if (value instanceof RawField) encoded[name] = new RawValue(name, value.element);
      else if (value instanceof RawSequence) encoded[name] = documentSequence(driver, name, value);
      else encoded[name] = value;
    }
    return encoded;
  };
}

function documentSequence(driver: Driver, field: string, value: RawSequence): object {
  const sequence = new driver.DocumentSequence(field);
  // The first argument is only for the driver's command monitoring, which is off.
  for (const document of value.documents) sequence.push(NO_DOCUMENT, document);
  return sequence;
}

const NO_DOCUMENT = Object.freeze({});
