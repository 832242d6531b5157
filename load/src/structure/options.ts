/**
 * Collection options: from what the source has to what the target is given, and whether what stands
 * there agrees. Pure.
 */

import { WaybillError } from '@waybill/shared/base/errors';
import { doc, fromObject, int32, string } from '@waybill/shared/bson/build';
import { BsonType, elements, findElement, type RawElement } from '@waybill/shared/bson/raw';
import { differing, optionFields } from '@waybill/shared/mongo/facts/definition-fields';
import type { Fields } from '../target/target.ts';

export const NO_OPTIONS = fromObject({});

/** Old servers' names for what is implied, and what a rename or the inventory adds. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'uuid',
  'temp',
  'autoIndexId',
  'flags',
  'idIndex',
  'create',
  'ns',
]);
/** Kinds of collections whose documents can not be written as they are. */
const UNSUPPORTED: ReadonlySet<string> = new Set([
  'timeseries',
  'encryptedFields',
  'validateEncryptedFields',
]);
/** A collection with another of these is another collection. */
const IDENTITY = ['capped', 'size', 'max', 'collation', 'clusteredIndex', 'viewOn', 'pipeline', 'timeseries'];
const VALIDATION = ['validator', 'validationLevel', 'validationAction'];
/** By collMod, without becoming another one. */
const CHANGEABLE = [...VALIDATION, 'changeStreamPreAndPostImages', 'recordPreImages'];

/** What old servers take for 0, which new ones refuse. */
const LEAST_SIZE = int32(4096);

/**
 * For `create`. A clustered collection's expiry is held back until cutover. @throws
 * TARGET_UNSUPPORTED
 */
export function createOptions(namespace: string, options: Uint8Array): Fields {
  const fields: [string, RawElement][] = [];
  for (const element of elements(options)) {
    const { name } = element;
    if (UNSUPPORTED.has(name)) {
      throw new WaybillError(
        'TARGET_UNSUPPORTED',
        `${namespace} has the option ${name}, which a load cannot copy`,
        {
          hint: `Start a new load (--load) with --exclude ${namespace}.`,
          context: { namespace, option: name },
        },
      );
    }
    if (LEFT_OUT.has(name) || name === 'expireAfterSeconds') continue;
    // Sent by some servers for an ordinary collection.
    if (name === 'capped' && !truthy(element)) continue;
    fields.push([name, name === 'size' && !truthy(element) ? LEAST_SIZE : element]);
  }
  return fields;
}

/** What collMod has to say to take them away. A validator is respected. */
const DEFAULTS = new Map([
  ['validationLevel', string('strict')],
  ['validationAction', string('error')],
  ['changeStreamPreAndPostImages', doc(fromObject({ enabled: false }))],
]);

/** Names of the options by which the existing collection is another one than the wanted. */
export function identityDifferences(existing: Uint8Array, wanted: Uint8Array): string[] {
  return optionDifferences(existing, wanted, IDENTITY);
}

function optionDifferences(existing: Uint8Array, wanted: Uint8Array, names: readonly string[]): string[] {
  const differences = new Set(differing(optionFields(existing), optionFields(wanted)));
  return names.filter((name) => differences.has(name));
}

/** Whether the existing collection has a validator of its own. */
export function hasForeignValidator(existing: Uint8Array, wanted: Uint8Array): boolean {
  const validator = findElement(existing, 'validator');
  if (!validator || validator.bytes.length <= 5) return false;
  return optionDifferences(existing, wanted, VALIDATION).length > 0;
}

/**
 * What collMod has to say so that an existing collection, taken over, has the wanted options that
 * are no part of its identity.
 */
export function missingOptions(existing: Uint8Array, wanted: Uint8Array): Fields {
  return optionDifferences(existing, wanted, CHANGEABLE).flatMap((name) => {
    const element = findElement(wanted, name) ?? DEFAULTS.get(name);
    return element ? [[name, element] as const] : [];
  });
}

export function isCapped(options: Uint8Array): boolean {
  const capped = findElement(options, 'capped');
  return capped !== undefined && truthy(capped);
}

export function isCollated(options: Uint8Array): boolean {
  return findElement(options, 'collation') !== undefined;
}

function truthy(element: RawElement): boolean {
  if (element.type === BsonType.boolean) return element.bytes[0] !== 0;
  return (numberOf(element) ?? 0) !== 0;
}

function numberOf({ type, bytes }: RawElement): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (type === BsonType.int32) return view.getInt32(0, true);
  if (type === BsonType.int64) return Number(view.getBigInt64(0, true));
  return type === BsonType.double ? view.getFloat64(0, true) : undefined;
}
