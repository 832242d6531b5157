import { MINUTE, RAMP, Sending, settled } from '@waybill/test/support/sending';
import { describe, expect, it } from 'vitest';
import { NO_RAMP } from '../target/rules/rate.ts';

describe('batches under way at once', () => {
  it('are as many as there are workers', async () => {
    expect(await new Sending(3).through(7)).toEqual([3, 3, 1]);
  });

  it('are half as many after a push back, and one more after each round that went well', async () => {
    const sending = new Sending(8);
    const all = Array.from({ length: 8 }, () => sending.pass());
    await settled();
    // A burst counts once.
    for (let each = 0; each < 8; each++) sending.gate.pushedBack('a.b');
    expect(sending.stats.pace).toMatchObject({ atOnce: 4, atOnceMost: 8, pushBacks: 8 });
    sending.answer();
    await Promise.all(all);
    expect(await sending.through(45)).toEqual([4, 5, 6, 7, 8, 8, 7]);
    expect(sending.told).toEqual([
      ['the target pushes back: fewer batches at once', { namespace: 'a.b', atOnce: 4, most: 8 }],
      ['the target stays well: all batches at once again', { atOnce: 8 }],
    ]);
  });

  it('are fewer after a batch that took long', async () => {
    const sending = new Sending(4);
    const slow = sending.pass();
    await sending.clock.move(NO_RAMP.slowMs + 1);
    sending.answer();
    await slow;
    expect((await sending.through(4))[0]).toBe(2);
  });

  it('never fall below one', async () => {
    const sending = new Sending(2);
    for (let each = 0; each < 5; each++) sending.gate.pushedBack('a.b');
    expect((await sending.through(4))[0]).toBe(1);
  });
});

describe('a limit', () => {
  it('holds over any time, but for one batch', async () => {
    const sending = new Sending(6);
    sending.gate.setLimit({ documents: 1000, bytes: null });
    expect(await sending.sendFor(MINUTE, 300)).toBeLessThanOrEqual(60_000 + 300);
    expect(sending.documents.get('a.b')).toBeGreaterThan(58_000);
    expect(sending.stats.pace.waits).toBeGreaterThan(190);
    // Nothing is saved up in a silence.
    await sending.clock.move(10 * MINUTE);
    expect(await sending.sendFor(1000, 300)).toBeLessThanOrEqual(1300);
  });

  it('may count bytes, and both', async () => {
    const sending = new Sending(6);
    sending.gate.setLimit({ documents: 10_000, bytes: 20_000 });
    expect(await sending.sendFor(10_000, 10)).toBeLessThanOrEqual(2010);
  });

  it('lets no batch be larger than a second of it', async () => {
    const sending = new Sending(6, RAMP);
    const fits = (documents: number, bytes = 100) =>
      sending.gate.fits({ namespace: 'a.b', documents, bytes });
    expect(fits(100_000, 100_000_000)).toBe(true);
    await sending.through(1);
    expect([fits(500), fits(501)]).toEqual([true, false]);
    sending.gate.setLimit({ documents: 100, bytes: 1000 });
    expect([fits(100), fits(101), fits(10, 1001)]).toEqual([true, false, false]);
  });

  it('may be changed while batches wait for it', async () => {
    const sending = new Sending(6);
    sending.gate.setLimit({ documents: 1, bytes: null });
    const passing = [sending.pass(1000), sending.pass(1000)];
    await sending.clock.move(MINUTE);
    expect(sending.documents.get('a.b')).toBe(1000);
    sending.gate.setLimit({ documents: 500, bytes: null });
    await sending.clock.move(2000);
    expect(sending.documents.get('a.b')).toBe(2000);
    sending.answer();
    const third = sending.pass(1000);
    await settled();
    expect(sending.documents.get('a.b')).toBe(2000);
    sending.gate.setLimit({ documents: null, bytes: null });
    await settled();
    sending.answer();
    await Promise.all([...passing, third]);
  });
});

it('a pause lets nothing new go until it ends', async () => {
  const sending = new Sending(2);
  const passing = [sending.pass()];
  await settled();
  sending.gate.setPaused(true);
  passing.push(sending.pass());
  let isOpen = false;
  const open = sending.gate.whenOpen(sending.stop.signal).then(() => {
    isOpen = true;
  });
  sending.answer();
  await sending.clock.move(MINUTE);
  expect([sending.documents.get('a.b'), isOpen]).toEqual([10, false]);
  sending.gate.setPaused(false);
  await open;
  await settled();
  sending.answer();
  await Promise.all(passing);
  await sending.gate.whenOpen(sending.stop.signal);
});

it('a stop ends the waiting for a turn and for a limit, and waits for what was sent', async () => {
  const sending = new Sending(1);
  sending.gate.setLimit({ documents: 1, bytes: null });
  const first = sending.pass();
  const second = sending.pass();
  await settled();
  sending.stop.abort();
  await expect(second).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await expect(sending.pass()).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect(sending.sent).toHaveLength(1);
  sending.answer();
  await first;
});

it('a batch that fails lets the next one go', async () => {
  const sending = new Sending(1);
  const first = sending.pass();
  const second = sending.pass();
  await settled();
  sending.sent.splice(0)[0]!.reject(new Error('away'));
  await expect(first).rejects.toThrow('away');
  await settled();
  sending.answer();
  await second;
});
