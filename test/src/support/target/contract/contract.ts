/**
 * The contract of load/src/target/target.ts, as tests that every kind of target has to pass. Call
 * it within a suite that has the server.
 */
import { progressContract } from './progress.ts';
import { readingContract } from './reading.ts';
import type { Expected } from './scene.ts';
import { structureContract } from './structure.ts';
import { writingContract } from './writing.ts';

export function targetContract(uri: () => string, expected: Expected): void {
  readingContract(uri, expected);
  progressContract(uri);
  structureContract(uri, expected);
  writingContract(uri, expected);
}
