/** A question whose answer counts: only what is a yes or a no is taken for one. */

const YES = /^\s*(y|yes)\s*$/i;
const NO = /^\s*(n|no)\s*$/i;
const MOST_TIMES = 3;

/** Asks again where the answer is neither; after that it counts as no. */
export async function confirm(
  question: string,
  ask: (question: string) => Promise<string>,
): Promise<boolean> {
  for (let times = 0; times < MOST_TIMES; times++) {
    const answer = await ask(times === 0 ? question : `Please answer yes or no. ${question}`);
    if (YES.test(answer)) return true;
    if (NO.test(answer)) return false;
  }
  return false;
}
