import type { IndexBuilds } from './index-builds.ts';
import type { StandInRules, Standing } from './rules.ts';
import type { Strain } from './strain.ts';
import type { Traffic } from './traffic.ts';

/** A stand-in, as its connections see it. */
export interface Host {
  readonly rules: StandInRules;
  readonly strain: Strain;
  readonly traffic: Traffic;
  readonly builds: IndexBuilds;
  readonly standing: Standing;
  readonly host: string;
}
