/**
 * Views and options of collections that a kind of target refuses, where its pages say so. Data
 * alone.
 */
export interface StructureRules {
  readonly hasViews: boolean;
  /** Options of `create`; `size` and `max` go with `capped`. */
  readonly refusedOptions: readonly string[];
}

/** What MongoDB takes. */
export const ANY_STRUCTURE: StructureRules = { hasViews: true, refusedOptions: [] };
