/**
 * What breaks a house rule today. It only shrinks: an entry that is no exception any more fails
 * the tests, so take it out in the commit that mends it. Files are named by workspace and name.
 */

/** Sorted paths of each circle, joined by a space. */
export const FILE_CIRCLES: readonly string[] = [];

/** Workspaces whose folders import each other in circles. */
export const FOLDER_CIRCLES: readonly string[] = [];

export const DEAD_EXPORTS: readonly string[] = ['cli/services.ts#storeOptions'];

/** More than 300 lines, with the lines that they have. */
export const LONG_FILES: Readonly<Record<string, number>> = {
  'audit/damage.test.ts': 385,
  'audit/gc.test.ts': 312,
  'test/bson-events.itest.ts': 344,
  'test/cli-errors.itest.ts': 303,
  'test/cutover-undone.itest.ts': 322,
  'test/gcs-network.itest.ts': 334,
  'test/contract.ts': 329,
};

/** More than 60 lines, with the lines that they have. */
export const LONG_FUNCTIONS: Readonly<Record<string, number>> = {
  'shared/error.ts#s3Error': 65,
  'load/cutover.ts#cutOver': 61,
  // A table.
  'demo/shop.ts#shopCollections': 77,
};
