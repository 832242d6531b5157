/** docs/metrics.md, from the table of metrics. */
import { METRICS } from '@waybill/shared/base/metric-table';

export function renderMetricsPage(): string {
  const rows = Object.values(METRICS).map(({ name, type, labels, help }) => {
    const named = (labels as readonly string[]).map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${type} | ${named} | ${help} |`;
  });
  return `# Metrics

This page is made from \`shared/src/base/metric-table.ts\` by \`npm run docs:generate\`; a test holds the two together.

\`--metrics-port 9464\` makes \`capture\`, \`load\` and \`run\` serve HTTP on \`--metrics-host\` (default \`127.0.0.1\`; \`0.0.0.0\`
opens it to other machines). Without \`--metrics-port\` nothing is served.

| path | answer |
|---|---|
| \`/metrics\` | the table below, in the text format of Prometheus |
| \`/healthz\` | 200 as long as the process can answer |
| \`/readyz\` | 503 until the run is past its start (servers reached, stream taken over), then 200 |

Metrics of a part that does not run in the process stay at zero or are absent. A gauge is absent until its value is known.
The two lags are absent while the bucket does not answer.
Counters count from the start of the process, unless the text says otherwise. No metric names a database, a collection
or a document.

| metric | type | labels | meaning |
|---|---|---|---|
${rows.join('\n')}

Values of the labels: \`direction\` is \`written\` (capture) or \`read\` (load); \`state\` is \`built\` or \`waiting\`; \`code\` is one of
the [error codes](error-codes.md).
`;
}
