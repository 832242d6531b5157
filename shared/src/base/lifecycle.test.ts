import { EventEmitter } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { WaybillError } from './errors.ts';
import { abortable, interrupted, LinkedAbort, sleep, stopSignal, throwIfAborted } from './lifecycle.ts';

const never = () => new Promise<never>(() => undefined);
const reason = new WaybillError('MANIFEST_FENCED', 'a newer one');

describe('sleep', () => {
  it('ends at once with the reason of the signal', async () => {
    const controller = new AbortController();
    const waiting = sleep(1_000_000, controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(sleep(1_000_000, controller.signal)).rejects.toBe(reason);
  });

  it('waits for longer than a timer can', async () => {
    vi.useFakeTimers();
    try {
      let done = false;
      void sleep(2 ** 40).then(() => {
        done = true;
      });
      await vi.advanceTimersByTimeAsync(60_000);
      expect(done).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('throwIfAborted', () => {
  it('makes INTERRUPTED out of a reason that is not ours', () => {
    const signal = AbortSignal.abort();
    expect(() => throwIfAborted(signal)).toThrow(
      expect.objectContaining({ code: 'INTERRUPTED', exitCode: 130 }),
    );
    expect(() => throwIfAborted(AbortSignal.abort(reason))).toThrow(reason);
    throwIfAborted(undefined);
    throwIfAborted(new AbortController().signal);
  });
});

describe('abortable', () => {
  it('lets go of work that takes no signal', async () => {
    const controller = new AbortController();
    const waiting = abortable(never(), controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(abortable(Promise.resolve(7), new AbortController().signal)).resolves.toBe(7);
  });
});

describe('LinkedAbort', () => {
  it('follows every parent, and none after its disposal', () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const linked = new LinkedAbort(first.signal, undefined, second.signal);
    const disposed = new LinkedAbort(first.signal, second.signal);
    disposed[Symbol.dispose]();
    second.abort(reason);
    expect(linked.signal.reason).toBe(reason);
    expect(disposed.signal.aborted).toBe(false);
    expect(new LinkedAbort(first.signal, second.signal).signal.reason).toBe(reason);
  });

  it('does not abort its parents', () => {
    const parent = new AbortController();
    new LinkedAbort(parent.signal).abort();
    expect(parent.signal.aborted).toBe(false);
  });
});

describe('stopSignal', () => {
  it('stops gracefully first and exits at once on a second signal that is meant', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const source = new EventEmitter();
      const exits: number[] = [];
      const told: string[] = [];
      using stop = stopSignal({
        source,
        sameWishMs: 500,
        exit: (code) => exits.push(code),
        onStop: (name) => told.push(name),
      });
      expect(stop.signal.aborted).toBe(false);
      source.emit('SIGTERM', 'SIGTERM');
      expect(stop.signal.reason).toMatchObject({ code: 'INTERRUPTED', message: 'stopped by SIGTERM' });
      // A terminal's Ctrl-C comes twice: from the terminal and forwarded by the launcher.
      source.emit('SIGINT', 'SIGINT');
      expect(exits).toEqual([]);
      vi.advanceTimersByTime(1000);
      source.emit('SIGINT', 'SIGINT');
      expect(exits).toEqual([130]);
      expect(told).toEqual(['SIGTERM']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('leaves no listener behind', () => {
    const source = new EventEmitter();
    stopSignal({ source, exit: () => undefined })[Symbol.dispose]();
    expect(source.eventNames()).toEqual([]);
  });
});

it('keeps the exit code of an interruption', () => {
  expect(interrupted().exitCode).toBe(130);
});
