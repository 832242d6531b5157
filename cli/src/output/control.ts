/** What a load was told, for people and for scripts. */
import { type ControlState, controlState } from '@waybill/load/rate/control';
import { AS_STARTED } from '@waybill/load/rate/limit';
import type { Told } from '@waybill/load/rate/tell-load';
import type { Paint } from './style.ts';

export interface ControlResult {
  readonly stream: string;
  readonly load: string;
  readonly before: ControlState;
  readonly now: ControlState;
  /** A load runs and acts on it; null where nothing was told. */
  readonly heard: boolean | null;
}

export function controlResult(
  { stream, load }: { readonly stream: string; readonly load: string },
  { before, now, isHeard }: Told,
): ControlResult {
  return { stream, load, before: controlState(before), now: controlState(now), heard: isHeard };
}

export function renderControl({ load, before, now, heard }: ControlResult, paint: Paint): string {
  const name = paint('bold', `load ${load}`);
  if (heard === null) return `${name}: ${describe(now)}.`;
  const changed = describe(before) === describe(now) ? 'as before' : `before: ${describe(before)}`;
  const hears = heard
    ? paint('green', 'A load runs and does so.')
    : paint('yellow', 'No load has answered: the next start does so, or one that is busy a little later.');
  return `${name}: ${describe(now)} (${changed}).\n${hears}`;
}

export function describe({ maxWriteRate, paused }: ControlState): string {
  const rate =
    maxWriteRate === 'none'
      ? 'no limit'
      : maxWriteRate === AS_STARTED
        ? 'the --max-write-rate of its start'
        : `at most ${maxWriteRate}`;
  return paused ? `paused, ${rate} when it is resumed` : rate;
}
