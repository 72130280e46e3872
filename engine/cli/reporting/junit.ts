// A failover test as JUnit XML, which CI systems read: a suite a variant, a case a point.
//
// There is no standard but what readers take; this keeps to what Jenkins' schema (xunit-plugin, junit-10.xsd), GitLab and GitHub's
// readers have in common. Some show a failure's text alone and not its message, so the text says all. A point that was never
// reached is skipped, not passed; a sweep that was interrupted, or struck nobody, has one more case, which is an error.

import type { PointRecord } from '../../testing/point-record.js';
import { type FailoverReport, kindOf, type ReportedVariant, shortcoming, titleOf } from './failover-report.js';
import { type Facts, failoverOf, inFlightOf, partingOf, secondStrikeOf, strikeOf } from './in-flight.js';
import { element, type Markup } from './markup.js';

export function asJunit(report: FailoverReport): string {
  const missing = shortcoming(report);
  const suites = report.variants.map(variant => suiteOf(report, variant));
  const cases = report.variants.flatMap(({ records }) => records);
  const root = element(
    'testsuites',
    {
      name: `epochvisor failover ${report.guest}`,
      tests: cases.length + (missing === undefined ? 0 : 1),
      failures: cases.filter(({ failed }) => failed).length,
      errors: missing === undefined ? 0 : 1,
      time: seconds(cases),
    },
    '\n',
    suites.map(suite => [suite, '\n']),
    missing === undefined ? [] : [shortcomingOf(report, missing), '\n'],
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n${root.source}\n`;
}

function suiteOf(report: FailoverReport, { variant, undisturbed, records }: ReportedVariant): Markup {
  const facts: Facts = [...report.facts, ...(undisturbed === '' ? [] : [['undisturbed', undisturbed] as const])];
  return element(
    'testsuite',
    {
      name: `failover ${report.guest} (${variant})`,
      tests: records.length,
      failures: records.filter(({ failed }) => failed).length,
      errors: 0,
      skipped: records.filter(isSkipped).length,
      time: seconds(records),
      ...when(report),
    },
    '\n',
    element(
      'properties',
      {},
      '\n',
      facts.map(([name, value]) => [element('property', { name, value }), '\n']),
    ),
    '\n',
    records.map(record => [caseOf(report, record), '\n']),
  );
}

function when({ at, host }: FailoverReport) {
  return { timestamp: at.slice(0, 'YYYY-MM-DDThh:mm:ss'.length), hostname: host };
}

function isSkipped({ failed, verdict }: PointRecord): boolean {
  return !failed && verdict === 'not reached';
}

function caseOf({ guest }: FailoverReport, record: PointRecord): Markup {
  const { variant, verdict, failed, detail, durationMs } = record;
  const message = detail === '' ? verdict : `${verdict}: ${detail}`;
  const attributes = {
    name: titleOf(record),
    // Readers group by the part before the last dot, and take names with dots for packages.
    classname: `failover.${guest.replaceAll(/[.\s]+/g, '_')}.${variant}.${kindOf(record)}`,
    time: (durationMs / 1000).toFixed(3),
  };
  if (failed) {
    return element('testcase', attributes, element('failure', { type: verdict, message }, account(record, message)));
  }
  if (isSkipped(record)) return element('testcase', attributes, element('skipped', { message: detail }));
  // What could not be compared is said where a pass is looked at.
  return element('testcase', attributes, detail === '' ? undefined : element('system-out', {}, message));
}

function account(record: PointRecord, message: string): string {
  const second = secondStrikeOf(record);
  const lines = (title: string, facts: Facts) =>
    facts.length === 0 ? [] : [`${title}:`, ...facts.map(([name, value]) => `  ${name}: ${value}`)];
  return [
    message,
    ...lines('where the histories part', partingOf(record)),
    ...(record.kill === null ? ['nothing was struck'] : [strikeOf(record)]),
    ...(second === undefined ? [] : [second]),
    ...lines('in flight', inFlightOf(record)),
    ...lines('failover', failoverOf(record)),
    ...(record.repeat === '' ? [] : ['again by:', `  ${record.repeat}`]),
  ].join('\n');
}

function shortcomingOf(report: FailoverReport, message: string): Markup {
  const attributes = { name: 'the sweep', classname: 'failover', time: '0.000' };
  return element(
    'testsuite',
    { name: 'failover', tests: 1, failures: 0, errors: 1, skipped: 0, time: '0.000', ...when(report) },
    element('testcase', attributes, element('error', { type: 'incomplete', message }, message)),
  );
}

function seconds(records: readonly PointRecord[]): string {
  return (records.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000).toFixed(3);
}
