import type { Control } from '@waybill/load/rate/control';
import { expect, it } from 'vitest';
import { controlResult, renderControl } from './control.ts';

const plain = (_style: unknown, text: string): string => text;
const which = { stream: 'default', load: 'main' };
const before: Control = { limit: null, paused: true, isObeyed: true };
const now: Control = { limit: { documents: 2000, bytes: null }, paused: false, isObeyed: true };

it('says what was before, what holds now, and whether a load hears it', () => {
  const heard = controlResult(which, { before, now, isHeard: true });
  expect(heard).toEqual({
    ...which,
    before: { maxWriteRate: 'default', paused: true },
    now: { maxWriteRate: '2000/s', paused: false },
    heard: true,
  });
  expect(renderControl(heard, plain)).toBe(
    'load main: at most 2000/s (before: paused, the --max-write-rate of its start when it is resumed).\nA load runs and does so.',
  );
  const unheard = controlResult(which, { before: now, now, isHeard: false });
  expect(renderControl(unheard, plain)).toContain('at most 2000/s (as before).\nNo load has answered');
  const looked = controlResult(which, { before: now, now, isHeard: null });
  expect(renderControl(looked, plain)).toBe('load main: at most 2000/s.');
});
