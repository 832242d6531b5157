// Turns the test runner's reports into the last lines of .ci/run, and into its exit code. Arguments:
// pairs of a report's path and the exit code of the run that wrote it. What failed is told here once
// more: a log that is kept may hold its end only.
import { existsSync, readFileSync } from 'node:fs';

const runs = [];
for (let at = 2; at < process.argv.length; at += 2) {
  runs.push({ path: process.argv[at], status: process.argv[at + 1] });
}

const LINES = 12;

function tell({ name, assertionResults }) {
  for (const { status, fullName, failureMessages = [] } of assertionResults) {
    if (status !== 'failed') continue;
    console.log(`\nfailed: ${name}\n  ${fullName}`);
    for (const message of failureMessages) {
      for (const line of message.split('\n').slice(0, LINES)) console.log(`    ${line}`);
    }
  }
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
  for (const { name, message } of broken) console.log(`\nfailed as a whole: ${name}\n  ${message ?? ''}`);
  for (const file of report.testResults) tell(file);
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
