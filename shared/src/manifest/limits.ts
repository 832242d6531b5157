/**
 * An option of the command line and the schemas have the same limit: a load keeps something for
 * each lane.
 */
export const MOST_LANES = 1024;
