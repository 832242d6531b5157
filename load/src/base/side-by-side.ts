import PQueue from 'p-queue';

/**
 * Does the work for every item, a few at once. After a failure no further one is begun, and those
 * under way have ended when this rejects: nobody may still be writing when the load lets go of what
 * it owns.
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
