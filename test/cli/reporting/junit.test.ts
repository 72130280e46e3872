// JUnit XML: well-formed, of the elements and attributes that readers take, and nothing passes that proved nothing.

import { describe, expect, test } from 'vitest';
import { asJunit } from '../../../engine/cli/reporting/junit.js';
import type { PointRecord } from '../../../engine/testing/point-record.js';
import { FAILED, HOSTILE, PASSED, reportOf, UNREACHED, WICKED } from './sample-records.js';
import { descendants, parseXml, type XmlElement } from './strict-xml.js';

/** Of Jenkins' xunit-plugin, junit-10.xsd: what may be in what, and which attributes each has. */
const CHILDREN: Readonly<Record<string, readonly string[]>> = {
  testsuites: ['testsuite'],
  testsuite: ['properties', 'testcase'],
  properties: ['property'],
  testcase: ['skipped', 'error', 'failure', 'system-out'],
};
const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  testsuites: ['name', 'time', 'tests', 'failures', 'errors'],
  testsuite: ['name', 'tests', 'failures', 'errors', 'time', 'skipped', 'timestamp', 'hostname'],
  property: ['name', 'value'],
  testcase: ['name', 'time', 'classname'],
  ...{ failure: ['type', 'message'], error: ['type', 'message'], skipped: ['type', 'message'] },
};

function read(source: string): XmlElement {
  expect(source.startsWith('<?xml version="1.0" encoding="UTF-8"?>\n')).toBe(true);
  const root = parseXml(source);
  for (const { name, attributes, children } of descendants(root)) {
    expect(CHILDREN[name] ?? [], name).toEqual(expect.arrayContaining(children.map(child => child.name)));
    expect(ATTRIBUTES[name] ?? [], name).toEqual(expect.arrayContaining(Object.keys(attributes)));
  }
  for (const suite of descendants(root, 'testsuite')) {
    const cases = descendants(suite, 'testcase');
    const having = (name: string) =>
      String(cases.filter(one => one.children.some(child => child.name === name)).length);
    expect(suite.attributes).toMatchObject({
      ...{
        tests: String(cases.length),
        failures: having('failure'),
        errors: having('error'),
        skipped: having('skipped'),
      },
    });
    expect(suite.attributes.time).toMatch(/^\d+\.\d{3}$/);
  }
  return root;
}

describe('a report', () => {
  const root = read(asJunit(reportOf([PASSED, FAILED, UNREACHED])));

  test('has a suite a variant and a case a point, with what was tested as properties', () => {
    expect(root.attributes).toMatchObject({ tests: '3', failures: '1', errors: '0' });
    const [suite] = root.children;
    expect(suite!.attributes).toMatchObject({
      name: 'failover hello.wasm (deferred)',
      timestamp: '2026-11-27T12:00:00',
    });
    expect(descendants(suite!, 'property').map(({ attributes }) => attributes)).toEqual([
      { name: 'flags', value: '--sweep all' },
      { name: 'undisturbed', value: '11747 instructions' },
    ]);
    expect(descendants(suite!, 'testcase').map(({ attributes }) => attributes)).toEqual([
      { name: '3:500', classname: 'failover.hello_wasm.deferred.instruction', time: '1.234' },
      { name: 'message:3:after', classname: 'failover.hello_wasm.deferred.message', time: '1.234' },
      { name: 'io:9999:before', classname: 'failover.hello_wasm.deferred.io', time: '1.234' },
    ]);
  });

  test('says of a failure what was in flight, where the histories part, and how to repeat it', () => {
    const [failure] = descendants(root, 'failure');
    expect(failure!.attributes).toEqual({ type: 'different', message: `different: ${FAILED.detail}` });
    expect(failure!.text).toContain(FAILED.detail);
    expect(failure!.text).toContain('stdout, byte 6, line 2\n  expected: "two"\n  found: end');
    expect(failure!.text).toContain('the primary aaaa was killed after send log, in epoch 4');
    expect(failure!.text).toContain('operations outstanding: 2');
    expect(failure!.text).toContain('log: sent up to 17, acknowledged up to 9');
    expect(failure!.text).toContain('outputs: 1 released, 64 bytes held back');
    expect(failure!.text.endsWith(`again by:\n  ${FAILED.repeat}`)).toBe(true);
  });

  test('says of a second kill who it was', () => {
    const replica = { owner: 'backup', incarnation: 'bbbb-cccc' } as const;
    const secondKill = { ...FAILED.kill!, replica, what: 'after fence' };
    const told = (record: Partial<PointRecord>) =>
      descendants(read(asJunit(reportOf([{ ...FAILED, second: 'takeover:fence:after', ...record }]))), 'failure')[0]!
        .text;
    expect(told({ secondKill })).toContain('\nthe backup bbbb-ccc was killed after fence, in epoch 4\n');
    expect(told({})).toContain('\nnobody was killed after it\n');
  });

  test('skips what was not reached', () => {
    const [skipped] = descendants(root, 'skipped');
    expect(skipped!.attributes.message).toBe('the run ended before this point');
  });
});

test('what a guest writes ends no element', () => {
  const root = read(asJunit(reportOf([WICKED], { guest: HOSTILE, facts: [[HOSTILE, HOSTILE]] })));
  expect(descendants(root, 'failure')).toHaveLength(1);
});

test.each([
  ['was interrupted', [PASSED], true, /interrupted/],
  ['has no points', [], false, /no point/],
  ['struck nobody', [UNREACHED], false, /nothing was struck/],
  ['had no second kill', [{ ...UNREACHED, kill: PASSED.kill }], false, /no second kill/],
])('a sweep that %s is an error, whatever its points say', (_, records, interrupted, why) => {
  const root = read(asJunit(reportOf(records, { interrupted })));
  expect(root.attributes.errors).toBe('1');
  expect(descendants(root, 'error').map(({ text }) => text)).toEqual([expect.stringMatching(why)]);
});
