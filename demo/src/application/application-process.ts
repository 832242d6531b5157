import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { WaybillError } from '@waybill/shared/base/errors';
import type { WorkloadOptions, WorkloadReport } from '../workload/workload.ts';
import type { ApplicationMessage } from './application.ts';

export interface Application extends AsyncDisposable {
  /** As of its last message, a fraction of a second ago. */
  readonly report: WorkloadReport;
  /** Rejects when the application fails; never settles otherwise until it is stopped. */
  readonly failed: Promise<never>;
  /** Ends it. Once this resolves, the application no longer writes. */
  stop(): Promise<WorkloadReport>;
}

/** Starts the application as a separate process. */
export function startApplication(options: WorkloadOptions): Application {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const child = fork(fileURLToPath(new URL(`./application.${extension}`, import.meta.url)), [
    JSON.stringify(options),
  ]);
  let report: WorkloadReport = { operations: 0, counts: {}, structure: [] };
  const ended = Promise.withResolvers<WorkloadReport>();
  const failed = Promise.withResolvers<never>();
  // A step of the demo may await these, or none may.
  ended.promise.catch(() => undefined);
  failed.promise.catch(() => undefined);
  const fail = (message: string): void => {
    const error = new WaybillError('INTERNAL', `the demo's application failed: ${message}`);
    ended.reject(error);
    failed.reject(error);
  };
  child.on('message', (message: ApplicationMessage) => {
    if (message.kind === 'failed') fail(message.message);
    else report = message.report;
    if (message.kind === 'ended') ended.resolve(message.report);
  });
  child.once('error', (error) => fail(error.message));
  const exited = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      fail(`it ended with ${signal ?? code}`);
      resolve();
    });
  });
  return {
    get report() {
      return report;
    },
    failed: failed.promise,
    stop: () => {
      if (child.connected) child.send('stop');
      return ended.promise;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
