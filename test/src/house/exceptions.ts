/**
 * What may break a house rule. The lists only shrink: an entry that is no exception any more fails
 * the tests, so take it out in the commit that mends it. Files are named by workspace and name.
 */

/** More than 300 lines, with the lines that they have. All are tests. */
export const LONG_FILES: Readonly<Record<string, number>> = {
  'audit/damage.test.ts': 413,
  'audit/gc.test.ts': 312,
  'test/bson-events.itest.ts': 344,
  'test/cli-errors.itest.ts': 303,
  'test/cutover-end.itest.ts': 301,
  'test/cutover-undone.itest.ts': 322,
  'test/gcs-network.itest.ts': 334,
  'test/contract.ts': 329,
};

/** More than 60 lines, with the lines that they have. */
export const LONG_FUNCTIONS: Readonly<Record<string, number>> = {
  // A table.
  'demo/shop.ts#shopCollections': 77,
};
