import { createHash } from 'node:crypto';

/**
 * Keys of a load's documents in the progress collection. A load's name holds no slash, so that
 * `<load>/` is a range of its own, and so is `<load>/<kind>/`. Nothing is read out of a key: the
 * document itself has the names.
 */
export const ownerId = (load: string): string => `${load}/owner`;
export const slotId = (load: string, slot: number): string => `${load}/slot/${slot}`;
export const stateId = (load: string): string => `${load}/state`;
export const learntId = (load: string): string => `${load}/learnt`;
export const lanePrefix = (load: string): string => `${load}/lane/`;
export const laneId = (load: string, lane: number): string =>
  `${lanePrefix(load)}${String(lane).padStart(4, '0')}`;
export const segmentPrefix = (load: string): string => `${load}/segment/`;
export const segmentId = (load: string, key: string): string => `${segmentPrefix(load)}${key}`;
export const collectionPrefix = (load: string): string => `${load}/collection/`;
export const collectionId = (load: string, namespace: string): string =>
  bounded(collectionPrefix(load), namespace);
export const restoredPrefix = (load: string): string => `${load}/restored/`;
export const restoredId = (load: string, namespace: string, index: string): string =>
  bounded(restoredPrefix(load), `${namespace}/${index}`);

/** MongoDB before 4.2 takes keys of 1024 bytes, Firestore 1500. Names may be longer. */
const LONGEST_BYTES = 900;

function bounded(prefix: string, name: string): string {
  const whole = `${prefix}${name}`;
  if (Buffer.byteLength(whole) <= LONGEST_BYTES) return whole;
  return `${prefix}sha256-${createHash('sha256').update(name).digest('hex')}`;
}
