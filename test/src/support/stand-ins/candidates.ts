/** The documents that a write command would store. */
import { BsonType, elements, findElement, type RawElement } from '@waybill/shared/bson/raw';
import type { Request } from './request.ts';
import type { Candidate } from './rules.ts';

/** Of one statement. None for a delete. */
export function candidatesOf(request: Request, statement: Buffer): readonly Candidate[] {
  const { kind, namespace } = request;
  if (kind === 'insert') {
    return [{ document: statement, id: findElement(statement, '_id'), by: 'insert', namespace }];
  }
  if (kind !== 'update') return [];
  const query = findElement(statement, 'q');
  const id = query && findElement(query.bytes, '_id');
  return updated(findElement(statement, 'u')).map((each) => ({
    ...each,
    id: findElement(each.document, '_id') ?? id,
    namespace,
  }));
}

function updated(update: RawElement | undefined): Pick<Candidate, 'document' | 'by'>[] {
  if (!update) return [];
  if (update.type === BsonType.array) {
    return [...elements(update.bytes)].flatMap((stage) => {
      const made = findElement(stage.bytes, '$replaceWith');
      const literal = made?.type === BsonType.document && findElement(made.bytes, '$literal');
      return literal ? [{ document: Buffer.from(literal.bytes), by: 'pipeline' as const }] : [];
    });
  }
  const document = Buffer.from(update.bytes);
  const [first] = elements(document);
  if (!first?.name.startsWith('$') || first.type !== BsonType.document)
    return [{ document, by: 'replacement' }];
  return [...elements(document)].map(({ bytes }) => ({
    document: Buffer.from(bytes),
    by: 'modifier' as const,
  }));
}
