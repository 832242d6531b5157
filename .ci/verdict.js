// Turns the test runner's report into the last line of .ci/run, and into its exit code.
import { readFileSync } from 'node:fs';

const [path, status] = process.argv.slice(2);
const report = JSON.parse(readFileSync(path, 'utf8'));

// A file that could not be loaded fails without a test of its own having failed.
const broken = report.testResults.filter(
  ({ status, assertionResults }) =>
    status === 'failed' && !assertionResults.some(({ status }) => status === 'failed'),
);
const leftOut = report.numPendingTests + (report.numTodoTests ?? 0);
const failed = report.numFailedTests + broken.length;

for (const { name } of broken) console.log(`failed as a whole: ${name}`);
if (leftOut > 0) console.log(`${leftOut} left out`);
if (failed === 0 && status !== '0') console.log(`the test runner ended with ${status} all the same`);
console.log(`\n${report.numPassedTests} passed, ${failed} failed`);
process.exitCode = failed > 0 || status !== '0' || report.numPassedTests === 0 ? 1 : 0;
