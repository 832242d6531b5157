/** A unique index of the target that kept documents out, as a line for people. */
import type { IndexConflicts } from '@waybill/shared/base/write-trouble';
import { formatCount } from './units.ts';

export function conflictText({ namespace, index, met, solved, refused }: IndexConflicts): string {
  const ends = `${formatCount(solved)} written later, ${formatCount(refused)} refused`;
  return `unique index ${namespace} ${index}: kept documents out ${formatCount(met)} times, ${ends}`;
}
