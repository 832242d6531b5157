/**
 * A process that loads, or retries dead letters, and ends itself by SIGKILL at one point of its
 * work. Started by {@link runUntilKilled}; its one argument is a {@link Fate} as JSON.
 */
import { runLoad, serveLetters } from '@waybill/load/load';
import { resolveLoadSettings } from '@waybill/load/settings/load-settings';
import type { ProgressStore } from '@waybill/load/target/progress-store';
import type { LoadTarget, Target } from '@waybill/load/target/target';
import { silentLogger } from '@waybill/shared/base/logger';
import { createMetrics } from '@waybill/shared/base/metrics';
import { createLoadStats } from '@waybill/shared/base/stats';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { FaultyBucket } from './bucket/faulty-bucket.ts';
import { connectTarget } from './target/connect-target.ts';

/** file, commit: of dead letters, in the bucket. cursor: of lanes, or a finished segment. */
export interface Point {
  readonly step: 'file' | 'commit' | 'cursor';
  readonly moment: 'before' | 'after';
  /** The how manieth one, from 1. */
  readonly nth: number;
}

export interface Fate {
  readonly bucketUrl: string;
  readonly targetUri: string;
  readonly work: 'load' | 'retry';
  readonly point: Point;
}

const { bucketUrl, targetUri, work, point } = JSON.parse(process.argv[2] ?? '{}') as Fate;

let seen = 0;
function pass(step: Point['step'], moment: Point['moment']): void {
  if (step !== point.step || moment !== point.moment) return;
  if (++seen === point.nth) process.kill(process.pid, 'SIGKILL');
}

/** The commit of a file is the first one after it was put. */
let isPut = false;
const bucket = new FaultyBucket(await openBucket(bucketUrl), ({ operation, key, moment }) => {
  if (operation !== 'put' || !key.includes('/loads/')) return;
  if (key.includes('/dead-letters/')) {
    pass('file', moment);
    isPut = moment === 'after';
  } else if (isPut) {
    pass('commit', moment);
    isPut = moment === 'before';
  }
});

function watched(store: ProgressStore): ProgressStore {
  return {
    ...store,
    update: async (changes) => {
      const isCursor = changes.some(
        ({ id, set }) => /\/(lane|segment)\//.test(id) && !('epoch' in set && !('kind' in set)),
      );
      if (isCursor) pass('cursor', 'before');
      const matched = await store.update(changes);
      if (isCursor) pass('cursor', 'after');
      return matched;
    },
  };
}

function overridden<T extends object>(object: T, more: Partial<T>): T {
  return new Proxy(object, {
    get: (inner, name) => {
      if (name in more) return more[name as keyof T];
      const value: unknown = Reflect.get(inner, name, inner);
      return typeof value === 'function' ? value.bind(inner) : value;
    },
  });
}

await using real = await connectTarget(targetUri);
const target: Target = overridden<Target>(real, {
  forLoad: async (settings): Promise<LoadTarget> => {
    const one = await real.forLoad(settings);
    return overridden<LoadTarget>(one, { progress: watched(one.progress) });
  },
});
const settings = resolveLoadSettings({
  until: 'caught-up',
  pollMs: 20,
  maxDeadLetters: 100,
  allowDrop: true,
});
const { signal } = new AbortController();
const deps = {
  bucket,
  target,
  logger: silentLogger,
  metrics: createMetrics(),
  stats: createLoadStats(),
  signal,
};
if (work === 'load') await runLoad(settings, deps);
else await serveLetters(settings, deps);
