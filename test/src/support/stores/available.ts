import { afterAll, beforeAll } from 'vitest';
import { describeOrLeaveOut, type Suite, whyMissing } from '../left-out.ts';
import { type StoreKind, storeBinary } from './programs.ts';
import { type CloudKind, startTestStore, type TestStore } from './test-store.ts';

/**
 * A suite that needs object stores: `await describeWithStores('name', ['s3'], () => { it(…) })` at
 * the top level of a test file. The suite starts the stores itself. If one can't be had, the suite
 * is left out and says why; in CI it fails.
 */
export async function describeWithStores(
  name: string,
  kinds: readonly StoreKind[],
  suite: Suite,
): Promise<void> {
  describeOrLeaveOut(name, await whyMissing(kinds.map((kind) => () => storeBinary(kind))), suite);
}

/**
 * A suite's store. It starts before the suite's tests and stops after them; hooks and tests may use
 * it.
 */
export function suiteStore(kind: CloudKind): () => TestStore {
  let store: TestStore | undefined;
  beforeAll(async () => {
    store = await startTestStore(kind);
  });
  afterAll(() => store?.[Symbol.asyncDispose]());
  return () => {
    if (!store) throw new Error('Stores are known in hooks and tests, not while tests are collected');
    return store;
  };
}
