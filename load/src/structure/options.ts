/**
 * Collection options: from what the source has to what the target is given, and whether what stands
 * there agrees. Pure.
 */

import { WaybillError } from '@waybill/shared/base/errors';
import { doc, fromObject, int32, string } from '@waybill/shared/bson/build';
import { elements, findElement, type RawElement } from '@waybill/shared/bson/raw';
import { differing, optionFields } from '@waybill/shared/mongo/facts/definition-fields';
import { isYes } from '@waybill/shared/mongo/facts/index-meaning';
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
/** Kinds of collections whose documents cannot be written as they are. */
const UNSUPPORTED: ReadonlySet<string> = new Set([
  'timeseries',
  'encryptedFields',
  'validateEncryptedFields',
]);
/** A collection with another of these is another collection. */
const IDENTITY = ['capped', 'size', 'max', 'collation', 'clusteredIndex', 'viewOn', 'pipeline', 'timeseries'];
const VALIDATION = ['validator', 'validationLevel', 'validationAction'];
/** collMod changes these, and the collection stays the same one. */
const CHANGEABLE = [...VALIDATION, 'changeStreamPreAndPostImages', 'recordPreImages'];

/** Old servers take a size of 0 for this one; new ones refuse 0. */
const LEAST_SIZE = int32(4096);

/**
 * For `create`. A clustered collection's expiry is held back until cutover.
 * @throws TARGET_UNSUPPORTED
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
    if (name === 'capped' && !isYes(element)) continue;
    fields.push([name, name === 'size' && !isYes(element) ? LEAST_SIZE : element]);
  }
  return fields;
}

/** What collMod is told to take them away. A validator stays. */
const DEFAULTS = new Map([
  ['validationLevel', string('strict')],
  ['validationAction', string('error')],
  ['changeStreamPreAndPostImages', doc(fromObject({ enabled: false }))],
]);

/** Names of the options that make the existing collection another one than the wanted. */
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
 * What collMod is told about an existing collection that is taken over, so that it has the wanted
 * options. Options of its identity are left out.
 */
export function missingOptions(existing: Uint8Array, wanted: Uint8Array): Fields {
  return optionDifferences(existing, wanted, CHANGEABLE).flatMap((name) => {
    const element = findElement(wanted, name) ?? DEFAULTS.get(name);
    return element ? [[name, element] as const] : [];
  });
}

export function isCapped(options: Uint8Array): boolean {
  return isYes(findElement(options, 'capped'));
}

export function isCollated(options: Uint8Array): boolean {
  return findElement(options, 'collation') !== undefined;
}
