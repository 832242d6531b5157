/**
 * The demo's application: a separate process, as in production, so the copying can't slow it down.
 * It writes until it is told to stop, or until the demo has ended.
 */
import { startWorkload, type WorkloadOptions, type WorkloadReport } from '../workload/workload.ts';

export type ApplicationMessage =
  | { readonly kind: 'report'; readonly report: WorkloadReport }
  | { readonly kind: 'ended'; readonly report: WorkloadReport }
  | { readonly kind: 'failed'; readonly message: string };

const REPORT_MS = 200;

// A Ctrl-C at the terminal reaches this process too, but the demo decides when it ends.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(1));

const send = (message: ApplicationMessage): Promise<void> =>
  new Promise((resolve) => {
    if (process.send) process.send(message, () => resolve());
    else resolve();
  });

const options = JSON.parse(process.argv[2] ?? '{}') as WorkloadOptions;
try {
  const workload = await startWorkload(options);
  const ticker = setInterval(() => void send({ kind: 'report', report: workload.report }), REPORT_MS);
  process.on('message', () => void workload.stop().catch(() => undefined));
  const report = await workload.ended;
  clearInterval(ticker);
  await send({ kind: 'ended', report });
} catch (error) {
  await send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
}
process.exit();
