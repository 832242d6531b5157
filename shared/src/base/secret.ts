/** Values that must not be shown, and a safety net for code that forgets it (INV-9). */
import { inspect } from 'node:util';

const HIDDEN = '***';

/** A string that shows itself as `***` wherever it is printed, logged, inspected or serialized. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The only way to the value; keep the result out of messages. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [inspect.custom](): string {
    return HIDDEN;
  }
}

// Matches greedily up to the last @ of the authority: an unescaped @ inside a password must not
// show the rest of it. Examples use the words user:password.
/**
 * For MongoDB URLs, matches up to the very last @ of the word: a password may also hold an
 * unescaped slash or question mark.
 */
const OUR_CREDENTIALS = /(mongodb(?:\+srv)?:\/\/)(?!user:password@)[^\s"']+@/gi;
const CREDENTIALS = /([a-z][a-z0-9+.-]*:\/\/)(?!user:password@)[^/\s?#"']+@/gi;
const SECRET_PARAMETERS =
  /([?&](?:password|tlsCertificateKeyFilePassword|proxyPassword|proxyUsername|authMechanismProperties|x-amz-[a-z-]*|x-goog-[a-z-]*)=)[^&\s"']*/gi;

/** Hides user and password of every URL in a text, and query parameters that hold credentials. */
export function redact(text: string): string {
  if (!text.includes('://')) return text;
  return text
    .replace(OUR_CREDENTIALS, `$1${HIDDEN}@`)
    .replace(CREDENTIALS, `$1${HIDDEN}@`)
    .replace(SECRET_PARAMETERS, `$1${HIDDEN}`);
}
