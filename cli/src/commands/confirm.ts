/** A question whose answer counts: only what is a yes or a no is taken for one. */
import type { Readable, Writable } from 'node:stream';
import { interrupted } from '@waybill/shared/base/lifecycle';

const YES = /^\s*(y|yes)\s*$/i;
const NO = /^\s*(n|no)\s*$/i;

export interface ConfirmOptions {
  readonly signal: AbortSignal;
  readonly input: Readable;
  readonly output: Writable;
}

/**
 * Asks again for as long as the answer is neither, so that no slip of the hand counts.
 * @throws INTERRUPTED on Ctrl-C, or when the signal aborts
 */
export async function confirm(question: string, options: ConfirmOptions): Promise<boolean> {
  const { isCancel, text } = await import('@clack/prompts');
  const answer = await text({
    message: question,
    validate: (typed = '') => (YES.test(typed) || NO.test(typed) ? undefined : 'Please answer yes or no.'),
    ...options,
  });
  if (isCancel(answer)) throw interrupted('stopped at a question');
  return YES.test(answer);
}
