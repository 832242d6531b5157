import { silentLogger } from '@waybill/shared/base/logger';
import { describe, expect, it } from 'vitest';
import { Gate } from './gate.ts';

const SIZE = { namespace: 'a.b', documents: 10, bytes: 1000 };

/** A target that answers when it is told to. */
function gateTo(workers: number) {
  const stop = new AbortController();
  const gate = new Gate({ workers, logger: silentLogger, signal: stop.signal });
  const sent: PromiseWithResolvers<void>[] = [];
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  return {
    stop,
    gate,
    sent,
    settled,
    pass: () =>
      gate.pass(SIZE, () => {
        const answer = Promise.withResolvers<void>();
        sent.push(answer);
        return answer.promise;
      }),
    /** Answers what has been sent, with a push back or without, until `batches` are through. */
    async through(batches: number): Promise<number[]> {
      const atOnce: number[] = [];
      const all = Array.from({ length: batches }, () => this.pass());
      for (let answered = 0; answered < batches; ) {
        await settled();
        atOnce.push(sent.length);
        answered += sent.length;
        for (const { resolve } of sent.splice(0)) resolve();
      }
      await Promise.all(all);
      return atOnce;
    },
  };
}

describe('batches under way at once', () => {
  it('are as many as there are workers', async () => {
    expect(await gateTo(3).through(7)).toEqual([3, 3, 1]);
  });

  it('are half as many after a push back, and one more after each round that went well', async () => {
    const to = gateTo(8);
    const all = Array.from({ length: 8 }, () => to.pass());
    await to.settled();
    // A burst counts once.
    for (let each = 0; each < 8; each++) to.gate.pushedBack('a.b');
    for (const { resolve } of to.sent.splice(0)) resolve();
    await Promise.all(all);
    expect(await to.through(45)).toEqual([4, 5, 6, 7, 8, 8, 7]);
  });

  it('never fall below one', async () => {
    const to = gateTo(2);
    for (let each = 0; each < 5; each++) to.gate.pushedBack('a.b');
    expect((await to.through(4))[0]).toBe(1);
  });
});

it('a stop ends the waiting, and waits for what was sent', async () => {
  const { pass, sent, settled, stop } = gateTo(1);
  const first = pass();
  const second = pass();
  await settled();
  stop.abort();
  await expect(second).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await expect(pass()).rejects.toMatchObject({ code: 'INTERRUPTED' });
  sent[0]!.resolve();
  await first;
  expect(sent).toHaveLength(1);
});

it('a batch that fails lets the next one go', async () => {
  const { pass, sent, settled } = gateTo(1);
  const first = pass();
  const second = pass();
  await settled();
  sent[0]!.reject(new Error('away'));
  await expect(first).rejects.toThrow('away');
  await settled();
  sent[1]!.resolve();
  await second;
});
