import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '@waybill/demo/shop/random';
import type { CommandResult, RunningCommand } from '../support/waybill.ts';
import { ending } from './migration.ts';

export interface Kill {
  readonly who: string;
  /** Milliseconds after its start. */
  readonly after: number;
  /** What it had last said. */
  readonly during: string;
}

export interface KillerOptions {
  readonly who: string;
  readonly start: () => RunningCommand;
  readonly random: Random;
  /** At least. */
  readonly kills: number;
  /**
   * Asked after this many kills: they go on until it says yes, up to four times as many. Default:
   * yes.
   */
  readonly enough?: () => boolean;
  /** What it logs when its work begins. */
  readonly begun: RegExp;
  /** Longest life from then on, in milliseconds. */
  readonly maxLifeMs: number;
  /** Some die within milliseconds of logging one of these, so kills hit rare moments too. */
  readonly moments: readonly RegExp[];
  /** Default: SIGKILL. */
  readonly signal?: NodeJS.Signals;
}

/**
 * Starts a command and kills it, again and again, never two at once. Throws if one
 * ends by itself: a restart after any kill must go on.
 */
export async function killAgainAndAgain(options: KillerOptions): Promise<Kill[]> {
  const { who, start, random, kills, enough = () => true, signal = 'SIGKILL' } = options;
  const done: Kill[] = [];
  while (done.length < kills || (done.length < 4 * kills && !enough())) {
    const startedAt = performance.now();
    await using command = start();
    await fate(command, options);
    const after = Math.round(performance.now() - startedAt);
    if (!command.isRunning) throw new Error(`${who} ended by itself: ${ending(await command.ended)}`);
    command.kill(signal);
    done.push({ who, after, during: lastSaid(await command.ended) });
    // Now and then, nothing runs for a while.
    if (random.chance(0.2)) await sleep(random.int(400));
  }
  return done;
}

/** A few die while they start; most begin their work first. */
const DIES_STARTING = 0.12;
const STARTING_MS = 1500;
const LONGEST_START_MS = 30_000;

/** Returns when its time has come. */
async function fate(command: RunningCommand, options: KillerOptions): Promise<void> {
  const { random, begun, maxLifeMs, moments } = options;
  const diesStarting = random.chance(DIES_STARTING);
  const moment = random.chance(0.5) ? random.pick(moments) : null;
  const [life, grace] = [random.int(maxLifeMs), random.int(30)];
  if (diesStarting) return wait(command, life % STARTING_MS, null);
  await wait(command, LONGEST_START_MS, begun);
  await wait(command, life, moment);
  if (moment) await sleep(grace);
}

/** Until it has said it, has ended, or the time is over. */
async function wait(command: RunningCommand, ms: number, said: RegExp | null): Promise<void> {
  const until = performance.now() + ms;
  while (performance.now() < until && command.isRunning && !said?.test(command.stderr)) await sleep(5);
}

function lastSaid({ stderr }: CommandResult): string {
  const line = stderr.trimEnd().split('\n').at(-1) ?? '';
  return line.replace(/^\S+ \w+ +/, '').slice(0, 100) || 'starting';
}
