import PQueue from 'p-queue';

/**
 * Does the work for every item, a few at once. After a failure it begins no further one, and
 * rejects when those under way have ended: nobody may still be writing when the load lets go of
 * what it owns.
 */
export async function sideBySide<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const queue = new PQueue({ concurrency: atOnce });
  try {
    await queue.addAll(items.map((item) => () => work(item)));
  } catch (error) {
    queue.clear();
    await queue.onIdle();
    throw error;
  }
}
