/** A command-line option and the schemas share this limit. A load keeps something for each lane. */
export const MOST_LANES = 1024;
