import { WaybillError } from '@waybill/shared/base/errors';
import { splitNamespace } from '@waybill/shared/base/record';
import { bothNames, type NamePair } from '../mapping/name-mapping.ts';
import type { CollectionNameRules, DocumentSection } from '../target/rules/documents.ts';
import { isReserved } from './names.ts';

/** Why the target cannot have a collection or view of that name, or null. */
export function collectionNameFault(rules: CollectionNameRules | null, namespace: string): string | null {
  if (rules === null) return null;
  const name = splitNamespace(namespace).collection;
  const bytes = Buffer.from(name);
  if (rules.refusesReserved && isReserved(bytes, 0, bytes.length))
    return 'it takes no names of the form __…__';
  if (rules.refusesDollar && name.includes('$')) return 'it takes no name with a dollar sign';
  if (rules.refusesSystem && (name.startsWith('system.') || name.includes('.system.'))) {
    return 'it takes no name with system. in it';
  }
  if (rules.bytes !== undefined && bytes.length > rules.bytes) {
    return `its names have at most ${rules.bytes} bytes, and this one has ${bytes.length}`;
  }
  return null;
}

interface Named {
  readonly title: string;
  readonly documents: Pick<DocumentSection, 'collections'>;
}

/** @throws TARGET_UNSUPPORTED */
export function assertCollectionNames({ title, documents }: Named, names: readonly NamePair[]): void {
  for (const { namespace, source } of names) {
    const fault = collectionNameFault(documents.collections, namespace);
    if (fault === null) continue;
    throw new WaybillError(
      'TARGET_UNSUPPORTED',
      `${title} cannot have a collection ${bothNames(namespace, source)}: ${fault}`,
      {
        hint: `Rename the collection on the source. Or start a new load (--load with another name) that gives it another name (--map) or leaves it out (--exclude ${source}).`,
        context: { namespace },
      },
    );
  }
}
