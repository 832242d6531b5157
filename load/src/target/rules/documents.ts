/**
 * What a kind of target takes of documents and names, where that is less than MongoDB takes. Data
 * alone: checks/check-document.ts and checks/check-collection.ts apply it. A rule that is absent
 * (null, false) refuses nothing.
 */
import { isAtLeast, type ServerInfo } from '@waybill/shared/mongo/driver/server-info';

/** A section of a profile. */
export interface DocumentSection {
  /** What breaks them never reaches the target. Null: it takes what MongoDB takes. */
  readonly rules: DocumentRules | null;
  /** A server that says this field of itself is an older one, with other rules. */
  readonly older?: { readonly field: string; readonly rules: DocumentRules } | undefined;
  /**
   * What versions before that one refuse too, and say for each document. A load leaves that to
   * them; an assessment looks.
   */
  readonly before?: readonly VersionRules[] | undefined;
  readonly collections: CollectionNameRules | null;
}

interface VersionRules {
  readonly version: readonly [major: number, minor: number];
  readonly rules: DocumentRules;
}

export interface DocumentRules {
  readonly id?: IdRules | undefined;
  readonly names?: FieldNameRules | undefined;
  /** Arrays and objects one inside the other, below the document itself. */
  readonly depth?: number | undefined;
  /** BSON types that it refuses anywhere. */
  readonly refusedTypes?: readonly number[] | undefined;
  /** Refuses objects that begin with `$ref` and `$id`. */
  readonly refusesDbRefs?: boolean | undefined;
  /** Milliseconds since 1970, both included. */
  readonly dates?: { readonly first: number; readonly last: number } | undefined;
  /**
   * The letters that a regular expression's options may have. They must be in the alphabet's order,
   * each once.
   */
  readonly regexOptions?: string | undefined;
  /** Refuses strings that are not UTF-8. */
  readonly refusesInvalidText?: boolean | undefined;
  readonly refusesNestedArrays?: boolean | undefined;
  /** Refuses NaN and infinity as a double. */
  readonly refusesSpecialDoubles?: boolean | undefined;
  /** Of a document. */
  readonly bytes?: number | undefined;
}

export interface IdRules {
  /** The BSON types that an `_id` may have, and each value inside an object as `_id`. */
  readonly types?: readonly number[] | undefined;
  readonly bytes?: number | undefined;
  /** Refuses a string that begins and ends with two underscores. */
  readonly refusesReserved?: boolean | undefined;
  /** Of a string. */
  readonly refusesInvalidUtf8?: boolean | undefined;
}

export interface FieldNameRules {
  readonly refusesEmpty?: boolean | undefined;
  /** Names that begin and end with two underscores. */
  readonly refusesReserved?: boolean | undefined;
  readonly refusesInvalidUtf8?: boolean | undefined;
  /** Names that begin with a dollar sign. */
  readonly refusesDollar?: boolean | undefined;
  /** The same, of fields of the document itself alone. */
  readonly refusesDollarAtTop?: boolean | undefined;
  /** Names with a dot in them. */
  readonly refusesDot?: boolean | undefined;
  readonly bytes?: number | undefined;
  /** Of the names from the root to a field, and the dots between them. */
  readonly pathBytes?: number | undefined;
}

export interface CollectionNameRules {
  readonly bytes?: number | undefined;
  /** Begins and ends with two underscores. */
  readonly refusesReserved?: boolean | undefined;
  readonly refusesDollar?: boolean | undefined;
  readonly refusesSystem?: boolean | undefined;
}

/** What MongoDB takes. */
export const ANY_DOCUMENT: DocumentSection = { rules: null, collections: null };

/** MongoDB's own limit, and that of whatever does not say another. */
const USUAL_DOCUMENT_BYTES = 16 * 1024 * 1024;

/**
 * The rules that this server's documents are held to. The server says how large a document may be,
 * whatever its pages say. Null where it takes all that MongoDB takes: then nothing is checked.
 */
export function rulesFor(
  { rules: usual, older }: DocumentSection,
  { maxBsonObjectSize, fields }: Pick<ServerInfo, 'maxBsonObjectSize' | 'fields'>,
): DocumentRules | null {
  const rules = older && fields.has(older.field) ? older.rules : usual;
  if (maxBsonObjectSize >= USUAL_DOCUMENT_BYTES) return rules;
  return { ...rules, bytes: maxBsonObjectSize };
}

/** {@link rulesFor}, and what the server's version says for itself. */
export function assessedRules(
  section: DocumentSection,
  server: Pick<ServerInfo, 'maxBsonObjectSize' | 'fields' | 'versionArray'>,
): DocumentRules | null {
  let rules = rulesFor(section, server);
  for (const each of section.before ?? []) {
    if (!isAtLeast(server, ...each.version)) rules = { ...rules, ...each.rules };
  }
  return rules;
}

/** With a size that the operator gives: it goes before what the server says. */
export function ofDocumentSize(rules: DocumentRules | null, bytes: number | null): DocumentRules | null {
  return bytes === null ? rules : { ...rules, bytes };
}
