/**
 * Definitions and structure changes as they enter a load: with the target's names, and the source's
 * beside them. Documents enter where their collection is looked up (`changes/scopes.ts`), once for
 * each collection and not for each record.
 */
import type { CollectionDefinition, DdlEvent } from '@waybill/shared/manifest/commit';
import type { Takes } from '../settings/load-filter.ts';
import type { NameMapping } from './name-mapping.ts';
import { definitionOnTarget } from './view-names.ts';

/** `namespace` and the names in `options` are the target's. */
export interface EnteredDefinition extends CollectionDefinition {
  /** The name on the source. */
  readonly source: string;
  /** Why a view cannot stand on the target. */
  readonly impossible: string | null;
}

export function enterDefinition(definition: CollectionDefinition, mapping: NameMapping): EnteredDefinition {
  const source = definition.namespace;
  const named = definitionOnTarget(Buffer.from(definition.options, 'base64'), source, mapping);
  const options = mapping.isIdentity ? definition.options : named.options.toString('base64');
  const { impossible } = named;
  return { ...definition, namespace: mapping.target(source), options, source, impossible };
}

/**
 * `namespace` and `to` are the target's, where the load takes them; otherwise the source's. For
 * dropDatabase, `namespace` is the source's database, of which the target may have parts in several
 * databases.
 */
export interface StructureEvent extends DdlEvent {
  readonly source: { readonly namespace: string; readonly to: string | undefined };
  readonly impossible: string | null;
}

export function enterEvent(event: DdlEvent, mapping: NameMapping, takes: Takes): StructureEvent {
  const { namespace, to, operation } = event;
  const source = { namespace, to };
  if (mapping.isIdentity) return { ...event, source, impossible: null };
  const named = (name: string): string => (takes(name) ? mapping.target(name) : name);
  const change =
    event.description === null || !takes(namespace)
      ? null
      : definitionOnTarget(Buffer.from(event.description, 'base64'), namespace, mapping);
  return {
    ...event,
    namespace: operation === 'dropDatabase' ? namespace : named(namespace),
    ...(to !== undefined && { to: named(to) }),
    description: change ? change.options.toString('base64') : event.description,
    source,
    impossible: change?.impossible ?? null,
  };
}
