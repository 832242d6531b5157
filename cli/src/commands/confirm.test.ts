import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { confirm } from './confirm.ts';

/** What a user types, each answer ended by a return; and what the terminal shows. */
async function answered(...answers: string[]): Promise<{ readonly yes: boolean; readonly shown: string }> {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const { signal } = new AbortController();
  const asking = confirm('Sure?', { input, output, signal });
  for (const answer of answers) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    // Ctrl-U first: the line before stays for correction.
    input.write(`\u0015${answer}\r`);
  }
  const yes = await asking;
  return { yes, shown: String(output.read() ?? '') };
}

it.each(['y', 'Y', 'yes', ' Yes '])('takes %j for a yes', async (answer) => {
  expect((await answered(answer)).yes).toBe(true);
});

it.each(['n', 'no', 'NO'])('takes %j for a no', async (answer) => {
  expect((await answered(answer)).yes).toBe(false);
});

it('asks again for as long as the answer is neither', async () => {
  const { yes, shown } = await answered('yse', '', 'oui', 'yes');
  expect(yes).toBe(true);
  expect(shown).toContain('Please answer yes or no.');
});

it.each(['a Ctrl-C', 'an abort'])('%s is neither a yes nor a no', async (how) => {
  const input = new PassThrough();
  const stop = new AbortController();
  const asking = confirm('Sure?', { input, output: new PassThrough(), signal: stop.signal });
  asking.catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 20));
  if (how === 'an abort') stop.abort();
  else input.write('\u0003');
  await expect(asking).rejects.toMatchObject({ code: 'INTERRUPTED' });
});
