/**
 * Index builds on targets that take one of a collection at a time, and on those that answer before
 * it is done. There a build is an operation of the service, which shows no more of it than the
 * built index in the end: one that fails is told by nothing but its absence.
 */
import { sleep } from '@waybill/shared/base/lifecycle';
import { hasServerCode, refusal } from '@waybill/shared/mongo/driver/classify';
import { SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** A build of a large collection takes hours. */
const PATIENCE_MS = 24 * 3_600_000;

/** @throws MONGO_COMMAND_FAILED where an index does not come, the signal's reason */
export async function awaitIndexes(
  names: readonly string[],
  standing: () => Promise<ReadonlySet<string>>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const began = performance.now();
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const built = await standing();
    const missing = names.find((name) => !built.has(name));
    if (missing === undefined) return;
    if (performance.now() - began > PATIENCE_MS) {
      const text = `the index ${missing} was not built within a day: its build may have failed`;
      throw refusal(SERVER_CODES.IndexBuildAborted, text);
    }
    await sleep(pauseMs, signal);
  }
}

/** One build of a collection's indexes after the other, those of an earlier process included. */
export class BuildTurns {
  readonly #last = new Map<string, Promise<unknown>>();

  async inTurn(
    namespace: string,
    build: () => Promise<void>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const before = this.#last.get(namespace) ?? Promise.resolve();
    const turn = before.then(() => whenFree(build, signal));
    this.#last.set(
      namespace,
      turn.catch(() => undefined),
    );
    await turn;
  }
}

/** Whoever builds there now, be it an earlier process of the load: its build comes to an end. */
async function whenFree(build: () => Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      await build();
      return;
    } catch (error) {
      if (!hasServerCode(error, 'BackgroundOperationInProgressForNamespace')) throw error;
    }
    await sleep(pauseMs, signal);
  }
}
