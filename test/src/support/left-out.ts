import { describe, it } from 'vitest';

export type Suite = () => void;
/** Finds a program, or fails and says why it cannot be had. */
export type Program = () => Promise<unknown>;

/** Why one of these programs can't be had, or undefined if all can. */
export async function whyMissing(programs: readonly Program[]): Promise<string | undefined> {
  for (const find of programs) {
    try {
      await find();
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
  return undefined;
}

/**
 * The suite. If something that it needs is missing, a line says so instead; in CI (`CI` set) that
 * is a failure.
 */
export function describeOrLeaveOut(name: string, missing: string | undefined, suite: Suite): void {
  if (missing === undefined) {
    describe(name, suite);
    return;
  }
  const title = `${name} (needs a server: ${missing})`;
  if (process.env.CI) {
    it(title, () => {
      throw new Error(`No server: ${missing}`);
    });
    return;
  }
  console.warn(`LEFT OUT: ${title}`);
  describe.skip(title, () => {
    it('is left out', () => undefined);
  });
}
