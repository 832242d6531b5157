/**
 * What is known of a kind of target before it is asked. One file each beside this one. Data alone:
 * what a section means and how it is used is in ../rules, and how such a target is spoken to is the
 * matter of its implementation.
 *
 * A fact that is known but not sure is no fact here: it is found by a probe, or not relied on.
 */
import type { Abilities } from '../rules/abilities.ts';
import type { CanonicalRules } from '../rules/canonical.ts';
import type { ConnectionRules } from '../rules/connection.ts';
import type { DocumentSection } from '../rules/documents.ts';
import type { ErrorRule } from '../rules/error-rule.ts';
import type { IndexRules } from '../rules/indexes.ts';
import type { Limits } from '../rules/limits.ts';
import type { RateRules } from '../rules/rate.ts';
import type { Recognition } from '../rules/recognition.ts';
import type { StructureRules } from '../rules/structure.ts';
import type { WriteForms } from '../rules/writes.ts';

/** As `--target-kind` names them. */
export const TARGET_KINDS = [
  'mongodb',
  'atlas',
  'atlas-flex',
  'apsaradb',
  'tencentdb',
  'documentdb',
  'azure-documentdb',
  'firestore',
  'ferretdb',
  'generic',
] as const;
export type TargetKind = (typeof TARGET_KINDS)[number];

export interface TargetProfile {
  readonly kind: TargetKind;
  /** For people. */
  readonly title: string;
  readonly recognition: Recognition;
  readonly connection: ConnectionRules;
  readonly implementation: 'mongodb';
  readonly limits: Limits;
  readonly abilities: Abilities;
  readonly documents: DocumentSection;
  readonly writes: WriteForms;
  readonly canonical: CanonicalRules | null;
  readonly rate: RateRules;
  /** What its errors mean, where it differs from MongoDB. The first that fits counts. */
  readonly errors: readonly ErrorRule[];
  readonly structure: StructureRules;
  readonly indexes: IndexRules;
}
