import { MINUTE, RAMP, Sending, settled } from '@waybill/test/support/sending';
import { describe, expect, it } from 'vitest';

describe('a ramp', () => {
  it('lets a small load through at once', async () => {
    const sending = new Sending(6, RAMP);
    expect(await sending.through(1)).toEqual([1]);
    expect(sending.stats.pace.waits).toBe(0);
  });

  it('grows by half each minute while the target stays well', async () => {
    const sending = new Sending(6, RAMP);
    const perSecond: number[] = [];
    for (let minute = 0; minute < 4; minute++) perSecond.push((await sending.sendFor(MINUTE, 500)) / 60);
    const expected = [500, 750, 1125, 1687];
    for (const [minute, rate] of perSecond.entries()) {
      expect(rate).toBeLessThanOrEqual(expected[minute]! * 1.02 + 10);
      expect(rate).toBeGreaterThan(expected[minute]! * 0.8);
    }
    expect(sending.told.map(([, fields]) => fields?.documentsPerSecond)).toEqual([750, 1125, 1688]);
  });

  it('does not grow while nothing waits for it', async () => {
    const sending = new Sending(6, RAMP);
    await sending.through(1);
    await sending.clock.move(10 * MINUTE);
    await sending.through(1);
    expect(sending.stats.pace.rampPerSecond).toBe(500);
  });

  it('is halved by a push back, once per burst, and grows again a minute later', async () => {
    const sending = new Sending(6, RAMP);
    const all = [sending.pass(500), sending.pass(500), sending.pass(500)];
    await sending.clock.move(2000);
    for (let each = 0; each < 3; each++) sending.gate.pushedBack('a.b');
    sending.answer();
    await Promise.all(all);
    expect((await sending.sendFor(MINUTE - 1000, 100)) / 59).toBeLessThan(255);
    await sending.sendFor(2000, 100);
    expect(sending.stats.pace.rampPerSecond).toBe(375);
    const rates = sending.told.map(([, fields]) => fields?.documentsPerSecond);
    expect(rates.filter((rate) => rate !== undefined)).toEqual([250, 375]);
  });

  it('never falls below a tenth of its start', async () => {
    const sending = new Sending(6, RAMP);
    for (let each = 0; each < 20; each++) sending.gate.pushedBack('a.b');
    await sending.through(1);
    expect(sending.stats.pace.rampPerSecond).toBe(50);
  });

  it('is that of each collection, and lets those of others pass', async () => {
    const sending = new Sending(6, RAMP);
    const all = [sending.pass(500), sending.pass(500), sending.pass(500, 'a.c')];
    await settled();
    expect([...sending.documents]).toEqual([
      ['a.b', 500],
      ['a.c', 500],
    ]);
    sending.answer();
    await sending.clock.move(1000);
    sending.answer();
    await Promise.all(all);
  });
});
