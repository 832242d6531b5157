/**
 * Puts raw BSON into a driver's commands. Like named-session.ts, raw-errors.ts and
 * bulk-handshake.ts, this depends on the inside of the drivers. A contract test
 * (test/src/integration/raw-command.itest.ts) proves with both of them that the bytes arrive
 * unchanged.
 *
 * A field: js-bson writes the type byte, the key and its zero, and then lets an ObjectId write
 * itself (`serializeInto`). So a subclass that knows its key can go back, patch the type byte, and
 * write any payload. It has to extend the driver's own ObjectId class, since js-bson refuses values
 * of another major version.
 *
 * A sequence: `DocumentSequence` takes serialized documents. The driver sends it as a section of
 * its own, uncopied.
 *
 * Rejected: binary fields (the server sees binData), Map subclasses (they become objects again, and
 * are slow), an own OP_MSG writer (pooling, TLS, authentication and sessions would be ours).
 */
import type { Driver } from './driver.ts';
import { type RawElement, RawField, RawSequence } from './raw-value.ts';

export type CommandEncoder = (command: Readonly<Record<string, unknown>>) => Record<string, unknown>;

interface SelfWriting {
  serializeInto(buffer: Uint8Array, index: number): number;
}

type SelfWritingClass = new (key: string, element: RawElement) => SelfWriting;

/** The 12 bytes of an ObjectId. Its constructor makes some up unless it is given them. */
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
 * Replaces RawField and RawSequence values at the top level of a command with values that the
 * driver sends as these bytes.
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
