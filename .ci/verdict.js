// Turns the test runner's reports into the last line of .ci/run, and into its exit code. Arguments:
// pairs of a report's path and the exit code of the run that wrote it.
import { existsSync, readFileSync } from 'node:fs';

const runs = [];
for (let at = 2; at < process.argv.length; at += 2) {
  runs.push({ path: process.argv[at], status: process.argv[at + 1] });
}

let passed = 0;
let failed = 0;
let leftOut = 0;
let isSound = runs.length > 0;

for (const { path, status } of runs) {
  if (!existsSync(path)) {
    console.log(`${path} is not there: the checks before the tests failed, or the runner did not start`);
    isSound = false;
    continue;
  }
  const report = JSON.parse(readFileSync(path, 'utf8'));
  // A file that could not be loaded fails without a test of its own having failed.
  const broken = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some(({ status }) => status === 'failed'),
  );
  for (const { name } of broken) console.log(`failed as a whole: ${name}`);
  passed += report.numPassedTests;
  failed += report.numFailedTests + broken.length;
  leftOut += report.numPendingTests + (report.numTodoTests ?? 0);
  if (report.numPassedTests === 0) isSound = false;
  if (report.numFailedTests + broken.length === 0 && status !== '0') {
    console.log(`the test runner ended with ${status} all the same`);
    isSound = false;
  }
}

if (leftOut > 0) console.log(`${leftOut} left out`);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || !isSound ? 1 : 0;
