import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { OPTIONS } from './options.ts';

it('has every option of every group, under a name that no other has', async () => {
  const folder = new URL('./table/', import.meta.url);
  const names: string[] = [];
  for (const file of readdirSync(folder)) {
    const [group] = Object.values<object>(await import(new URL(file, folder).href));
    names.push(...Object.keys(group!));
  }
  expect(names.sort()).toEqual(Object.keys(OPTIONS).sort());
});
