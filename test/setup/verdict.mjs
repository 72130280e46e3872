// Reads vitest's JSON report for continuous integration, where no test may be skipped: names those that were, counts them as
// failed, and ends with `N passed, N failed`. Usage: `node verdict.mjs REPORT`.

import { readFileSync } from 'node:fs';

const NOT_RUN = new Set(['pending', 'skipped', 'todo', 'disabled']);

let report;
try {
  report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
} catch (error) {
  console.log(`there is no report of the tests: ${error.message}\n0 passed, 1 failed`);
  process.exit(1);
}

const notRun = report.testResults.flatMap(file => file.assertionResults.filter(({ status }) => NOT_RUN.has(status)));
for (const { fullName } of notRun) console.log(`not run: ${fullName}`);

// A file that cannot be loaded has no tests that could fail.
const filesLost = report.testResults.filter(file => file.status === 'failed' && file.assertionResults.length === 0);
const failed = report.numFailedTests + notRun.length + filesLost.length;
console.log(`${report.numPassedTests} passed, ${failed} failed`);
process.exit(failed === 0 && report.numPassedTests > 0 ? 0 : 1);
