import { expect, it } from 'vitest';
import { confirm } from './confirm.ts';

async function answered(...answers: string[]): Promise<{ readonly yes: boolean; readonly asked: number }> {
  let asked = 0;
  const yes = await confirm('Sure?', async () => answers[asked++] ?? 'x');
  return { yes, asked };
}

it.each(['y', 'Y', 'yes', ' Yes '])('takes %j for a yes', async (answer) => {
  expect(await answered(answer)).toEqual({ yes: true, asked: 1 });
});

it.each(['n', 'no', 'NO'])('takes %j for a no', async (answer) => {
  expect(await answered(answer)).toEqual({ yes: false, asked: 1 });
});

it('asks again where the answer is neither, and not for ever', async () => {
  expect(await answered('yse', '', 'yes')).toEqual({ yes: true, asked: 3 });
  expect(await answered('', 'ja', 'oui', 'yes')).toEqual({ yes: false, asked: 3 });
});
