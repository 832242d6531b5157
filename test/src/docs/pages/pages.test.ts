import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { renderErrorCodesPage } from './error-codes-page.ts';
import { renderIndexesPage } from './indexes-page.ts';
import { renderMetricsPage } from './metrics-page.ts';
import { renderOptionsPage } from './options-page.ts';
import { renderTargetErrorsPage } from './target-errors-page.ts';

const page = (name: string) => readFileSync(new URL(`../../../../docs/${name}`, import.meta.url), 'utf8');

it.each([
  ['options.md', renderOptionsPage],
  ['error-codes.md', renderErrorCodesPage],
  ['target-errors.md', renderTargetErrorsPage],
  ['indexes.md', renderIndexesPage],
  ['metrics.md', renderMetricsPage],
])('docs/%s is what `npm run docs:generate` makes', (name, render) => {
  expect(page(name)).toBe(render());
});
