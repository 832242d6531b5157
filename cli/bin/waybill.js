#!/usr/bin/env node
/**
 * Starts the command under a Node that can run it. Plain JavaScript for any Node from 18 on:
 * TypeScript runs from source without a warning from 24.3 on, and an older Node hands over to the
 * one that the package `node` pins.
 *
 * That Node runs as a child, because an older Node cannot replace its own process. The launcher
 * passes signals on and exits as the child exits. If the launcher is killed (SIGKILL), the channel
 * between the two closes, and the child ends as well.
 */
import { spawn } from 'node:child_process';
import nodeModule, { createRequire } from 'node:module';
import { availableParallelism, cpus, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LEAST_NODE = [24, 3];
/** Set in the child, which this file started and which a Ctrl-C reaches twice. */
const LAUNCHED = 'WAYBILL_LAUNCHED';

// A child never hands over again, whatever its version is.
if (isNewEnough(process.versions.node) || process.env[LAUNCHED] !== undefined) await run();
else handOver();

async function run() {
  // zstd and hashing use libuv's threads, and so does writing and syncing files. With the default
  // of four threads, a few slow syncs would hold up compression. So: one thread for each core, and
  // four more that may wait.
  process.env.UV_THREADPOOL_SIZE ??= String((availableParallelism?.() ?? cpus().length) + 4);
  // Compiling TypeScript takes half of the start, so the result is kept. It is code that will run,
  // so it is kept in the user's own home. If that cannot be written, nothing is kept.
  const cache = process.env.WAYBILL_CACHE || join(homedir(), '.cache', 'waybill');
  nodeModule.enableCompileCache?.(join(cache, 'compiled'));
  const launched = process.env[LAUNCHED] !== undefined && process.channel !== undefined;
  delete process.env[LAUNCHED];
  if (launched) {
    process.once('disconnect', () => process.exit(130));
    process.channel?.unref();
  }
  const { main } = await import('../src/main.ts');
  await main(process.argv.slice(2), { signalsComeTwice: launched });
}

function handOver() {
  let node;
  try {
    const home = dirname(createRequire(import.meta.url).resolve('node/package.json'));
    node = join(home, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  } catch {
    fail(`Waybill needs Node ${LEAST_NODE.join('.')} or later; this is ${process.version}.`);
    return;
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [LAUNCHED]: '1' },
  });
  child.on('error', (error) => fail(`Node ${LEAST_NODE.join('.')} could not be started: ${error.message}`));
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const each of signals) process.removeAllListeners(each);
    process.kill(process.pid, signal);
  });
}

function fail(message) {
  process.stderr.write(
    `error: ${message}\nhint: Install Node ${LEAST_NODE.join('.')} or later, or install waybill again without --omit=optional: its optional package node brings the right one along.\n`,
  );
  process.exitCode = 1;
}

function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1]);
}
