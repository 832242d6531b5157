/** `npm run docs:generate`: writes the pages of docs/ that are made from tables in the code. */
import { writeFileSync } from 'node:fs';
import { renderErrorCodesPage } from '../src/docs/pages/error-codes-page.ts';
import { renderIndexesPage } from '../src/docs/pages/indexes-page.ts';
import { renderMetricsPage } from '../src/docs/pages/metrics-page.ts';
import { renderOptionsPage } from '../src/docs/pages/options-page.ts';
import { renderTargetErrorsPage } from '../src/docs/pages/target-errors-page.ts';

const docs = new URL('../../docs/', import.meta.url);
writeFileSync(new URL('options.md', docs), renderOptionsPage());
writeFileSync(new URL('error-codes.md', docs), renderErrorCodesPage());
writeFileSync(new URL('metrics.md', docs), renderMetricsPage());
writeFileSync(new URL('indexes.md', docs), renderIndexesPage());
writeFileSync(new URL('target-errors.md', docs), renderTargetErrorsPage());
