import { describe, expect, it } from 'vitest';
import { LOAD_DEFAULTS, resolveLoadSettings } from './load-settings.ts';

describe('resolveLoadSettings', () => {
  it('fills in what is not given', () => {
    expect(resolveLoadSettings({ load: 'other' })).toEqual({ ...LOAD_DEFAULTS, load: 'other' });
    const undefinedWorkers = { workers: undefined } as unknown as { workers: number };
    expect(resolveLoadSettings(undefinedWorkers).workers).toBe(LOAD_DEFAULTS.workers);
  });

  it('refuses names that are no folder, and a lease that would run out between two confirmations', () => {
    for (const load of ['', '..', 'a/b', 'a b'])
      expect(() => resolveLoadSettings({ load })).toThrow(/name of a load/);
    expect(() => resolveLoadSettings({ confirmMs: 3000, leaseMs: 5000 })).toThrow(/confirmMs/);
  });
});
