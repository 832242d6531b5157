import { describe, expect, it } from 'vitest';
import { Expectation } from './expectation.ts';

const scope = {
  namespace: 'shop.orders',
  source: 'shop.orders',
  bypassValidation: true,
  keepsOrder: false,
  placement: { paths: [] },
};
const other = { ...scope, namespace: 'shop.items' };

describe('Expectation', () => {
  it('holds at first, but in capped collections, where order counts', () => {
    const subject = new Expectation(0.1);
    expect(subject.holds(scope)).toBe(true);
    expect(subject.holds({ ...scope, keepsOrder: true })).toBe(false);
  });

  it('is left out for a while where it was wrong, and then tried again', () => {
    const subject = new Expectation(0.1);
    subject.learn(scope, 100, 11);
    const answers = Array.from({ length: 70 }, () => subject.holds(scope));
    expect(answers.indexOf(true)).toBe(64);
    expect(answers.slice(64)).not.toContain(false);
  });

  it('takes a few for chance, and one collection for itself', () => {
    const subject = new Expectation(0.1);
    subject.learn(scope, 100, 10);
    expect(subject.holds(scope)).toBe(true);
    subject.learn(scope, 100, 50);
    expect(subject.holds(other)).toBe(true);
  });

  it('may bear nothing wrong at all', () => {
    const subject = new Expectation(0);
    subject.learn(scope, 100, 0);
    expect(subject.holds(scope)).toBe(true);
    subject.learn(scope, 100, 1);
    expect(subject.holds(scope)).toBe(false);
  });
});
