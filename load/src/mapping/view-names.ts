/**
 * Names of collections inside a view's definition, `viewOn` and the stages of its pipeline, as they
 * are on the target. On raw bytes: what names nothing stays as it is, and a definition whose names
 * stay comes back as the same bytes. Expressions name no collections, so only stages are followed.
 *
 * A view reads collections of its own database. If the mapping puts one of them elsewhere, the view
 * cannot stand on the target.
 */
import { splitNamespace } from '@waybill/shared/base/record';
import { array, buildArray, buildDocument, doc, type Field, string } from '@waybill/shared/bson/build';
import { BsonType, elements, invalidDocument, MAX_DEPTH, type RawElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import type { NameMapping } from './name-mapping.ts';

/** Options of a collection, or the description of a change of them, as the target gets them. */
export interface NamedDefinition {
  readonly options: Buffer;
  /** Why a view cannot stand on the target; its options are the source's then. */
  readonly impossible: string | null;
}

/** @param source the name of the collection or view on the source */
export function definitionOnTarget(options: Buffer, source: string, mapping: NameMapping): NamedDefinition {
  if (mapping.isIdentity) return { options, impossible: null };
  const names = new ViewNames(source, mapping);
  const mapped = changedFields(options, (name, element) => {
    if (name === 'viewOn' && element.type === BsonType.string) return names.local(element);
    return name === 'pipeline' && element.type === BsonType.array ? names.pipeline(element, 0) : element;
  });
  const { impossible } = names;
  return { options: impossible === null ? mapped : options, impossible };
}

type Change = (name: string, element: RawElement) => RawElement;

class ViewNames {
  readonly #database: string;
  readonly #mapping: NameMapping;
  readonly #targetDatabase: string;
  impossible: string | null = null;

  constructor(source: string, mapping: NameMapping) {
    this.#database = splitNamespace(source).database;
    this.#mapping = mapping;
    this.#targetDatabase = splitNamespace(mapping.target(source)).database;
  }

  /** The name of a collection in the view's own database. */
  local(element: RawElement): RawElement {
    const name = readString(element);
    const source = `${this.#database}.${name}`;
    const { database, collection } = splitNamespace(this.#mapping.target(source));
    if (database !== this.#targetDatabase) {
      this.impossible ??= `it reads ${source}, which --map puts into another database (${database}) than the view (${this.#targetDatabase})`;
    }
    return collection === name ? element : string(collection);
  }

  pipeline(element: RawElement, depth: number): RawElement {
    if (depth > MAX_DEPTH) throw invalidDocument(`it is nested deeper than ${MAX_DEPTH} levels`);
    const stages = [...elements(element.bytes)];
    const mapped = stages.map((stage) =>
      stage.type === BsonType.document
        ? changedDocument(stage, (name, body) => this.#stage(name, body, depth + 1))
        : stage,
    );
    return mapped.every((stage, at) => stage === stages[at]) ? element : array(buildArray(mapped));
  }

  #stage(name: string, body: RawElement, depth: number): RawElement {
    switch (name) {
      case '$lookup':
      case '$graphLookup':
        return this.#fields(body, ['from'], depth);
      case '$unionWith':
        return isName(body) ? this.local(body) : this.#unionWith(body, depth);
      case '$out':
      case '$merge':
        return this.#destination(body);
      case '$facet':
        return changedDocument(body, (_, facet) => this.#nested(facet, depth));
      case '$rankFusion':
      case '$scoreFusion':
        return this.#fusion(body, depth);
      default:
        return body;
    }
  }

  /** Of a stage: the fields that name a collection, and its own pipeline. */
  #fields(body: RawElement, named: readonly string[], depth: number): RawElement {
    return changedDocument(body, (field, value) => {
      if (named.includes(field)) return isName(value) ? this.local(value) : this.#qualified(value);
      return field === 'pipeline' ? this.#nested(value, depth) : value;
    });
  }

  /** With a `db` of its own, it says all of the name at its top. */
  #unionWith(body: RawElement, depth: number): RawElement {
    const isQualified = body.type === BsonType.document && hasField(body, 'db');
    if (!isQualified) return this.#fields(body, ['coll'], depth);
    return this.#fields(this.#qualified(body), [], depth);
  }

  #destination(body: RawElement): RawElement {
    if (isName(body)) return this.local(body);
    if (body.type === BsonType.document && hasField(body, 'db')) return this.#qualified(body);
    return changedDocument(body, (field, value) => {
      if (field !== 'into') return value;
      return isName(value) ? this.local(value) : this.#qualified(value);
    });
  }

  #fusion(body: RawElement, depth: number): RawElement {
    return changedDocument(body, (field, input) =>
      field === 'input'
        ? changedDocument(input, (inner, pipelines) =>
            inner === 'pipelines'
              ? changedDocument(pipelines, (_, pipeline) => this.#nested(pipeline, depth))
              : pipelines,
          )
        : input,
    );
  }

  #nested(element: RawElement, depth: number): RawElement {
    return element.type === BsonType.array ? this.pipeline(element, depth) : element;
  }

  /** `{db, coll}` names a collection of any database. */
  #qualified(element: RawElement): RawElement {
    if (element.type !== BsonType.document) return element;
    const parts = new Map([...elements(element.bytes)].map((part) => [part.name, part]));
    const [db, coll] = [parts.get('db'), parts.get('coll')];
    if (!coll || !isName(coll)) return element;
    const database = db && isName(db) ? readString(db) : this.#database;
    const named = splitNamespace(this.#mapping.target(`${database}.${readString(coll)}`));
    return changedDocument(element, (field, value) => {
      if (field === 'db') return named.database === database ? value : string(named.database);
      if (field !== 'coll') return value;
      return named.collection === readString(coll) ? value : string(named.collection);
    });
  }
}

function isName({ type }: RawElement): boolean {
  return type === BsonType.string;
}

function hasField({ bytes }: RawElement, name: string): boolean {
  return [...elements(bytes)].some((element) => element.name === name);
}

/** The very same element where nothing changes. */
function changedDocument(element: RawElement, change: Change): RawElement {
  if (element.type !== BsonType.document) return element;
  const { bytes } = element;
  const changed = changedFields(bytes, change);
  return changed === bytes ? element : doc(changed);
}

function changedFields<Bytes extends Uint8Array>(bytes: Bytes, change: Change): Bytes | Buffer {
  let isSame = true;
  const fields: Field[] = [];
  for (const element of elements(bytes)) {
    const changed = change(element.name, element);
    isSame &&= changed === element;
    fields.push([element.nameBytes, changed]);
  }
  return isSame ? bytes : buildDocument(fields);
}
