// The page of a machine in a browser, on a real pair: it shows what the status says, and what is pressed there happens.

import { createServer } from 'node:http';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { ToPage } from '../../engine/page/page-frame.js';
import { needs } from '../setup/needs.js';
import { CHROMIUM } from '../setup/requirements.js';
import { Bench, guest, type Watched } from './command.js';

const bench = new Bench();
/** A death is noticed at once; a busy host is not to look like one. */
const FLAGS = ['--dashboard', '127.0.0.1:0', '--suspicion', '20000'];
const PATIENCE_MS = 50_000;

async function pageOf(machine: Watched): Promise<string> {
  return (await machine.status(({ launcher }) => launcher?.dashboard !== undefined)).launcher!.dashboard!;
}

/** Ends a machine by its stdin, and looks that the guest was not disturbed: its lines are those of the plain machine. */
async function undisturbed(machine: Watched): Promise<void> {
  machine.command.endInput();
  const { status, stdout } = await machine.command.ended;
  const rounds = String(stdout.split('\n').length - 2);
  const plain = await bench.runPlain([guest('gated'), '100000', rounds]);
  expect({ status, stdout }).toEqual({ status: plain.status, stdout: plain.stdout });
}

describe('in a browser', needs('chromium'), () => {
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });
  afterAll(() => browser.close());

  async function open(machine: Watched, colorScheme: 'dark' | 'light' = 'light'): Promise<string[]> {
    page = await browser.newPage({ colorScheme });
    page.setDefaultTimeout(PATIENCE_MS);
    const problems: string[] = [];
    page.on('pageerror', error => problems.push(error.message));
    page.on('console', message => problems.push(message.text()));
    page.on('request', request => {
      if (!request.url().startsWith(url) && !request.url().startsWith('data:')) problems.push(request.url());
    });
    const url = await pageOf(machine);
    await page.goto(url);
    return problems;
  }

  const text = (selector: string) => page.textContent(selector);
  const shows = (selector: string, what: string) => page.locator(selector, { hasText: what }).first().waitFor();
  const figure = (name: string, value: string) =>
    page.locator(`dt:text-is("${name}") + dd`, { hasText: value }).waitFor();

  test('it shows what the status says; a failover that is confirmed there happens, and the guest goes on', async () => {
    const machine = bench.startWatched([...FLAGS, guest('gated'), '100000'], 'pipe');
    const problems = await open(machine);
    const before = await machine.isProtected();
    await page.locator('#protection[data-state=protected]').waitFor();
    await machine.wrote(100);
    expect(machine.command.stderr).toContain(`epochvisor: page at ${page.url()}\n`);
    expect(await text('#protection')).toBe('Protected');
    expect(await text('.card[data-role=primary] .pid')).toBe(`process ${before.primary.pid}`);
    expect(await text('.card[data-role=backup] .pid')).toBe(`process ${before.backups[0]!.pid}`);
    expect(await text('#about')).toContain(before.machine);
    await figure('View', '1');
    await figure('Failovers', '0');
    // The epoch that it shows lies between those of the status before and after.
    const lower = machine.now!.epoch;
    const epoch = await shownEpoch(lower);
    expect((await machine.status(one => one.epoch >= epoch)).epoch).toBeGreaterThanOrEqual(epoch);

    await page.click('#failover');
    expect(await text('#ask-text')).toContain(`process ${before.primary.pid}`);
    expect(machine.now!.view).toBe(1);
    await page.click('#ask-yes');
    await shows('#answer', `The primary, process ${before.primary.pid}, was killed.`);
    const after = await machine.status(one => one.protected && one.view > 2);
    expect(after.primary.pid).toBe(before.backups[0]!.pid);
    await shows('.card[data-role=primary] .pid', `process ${after.primary.pid}`);
    await shows('.card[data-role=backup] .pid', `process ${after.backups[0]!.pid}`);
    await page.locator('#protection[data-state=protected]').waitFor();
    await shows('#news', `failover: replica ${after.primary.pid} takes over, in view 2`);
    await shows('#news', `replica ${after.backups[0]!.pid} is the backup, in view 3`);
    await figure('View', '3');
    await figure('Failovers', '1');
    await figure('Last failover', 'view 2');

    await undisturbed(machine);
    await shows('#ended', 'the machine has ended: exit status 0');
    expect(await text('#protection')).toBe('Ended');
    // What it showed it still shows.
    expect(await text('.card[data-role=primary] .pid')).toBe(`process ${after.primary.pid}`);
    await figure('View', '3');
    await figure('Failovers', '1');
    expect(await page.locator('button:enabled:visible').count()).toBe(0);
    expect(problems).toEqual([]);
    await page.close();
  });

  async function shownEpoch(least: number): Promise<number> {
    for (;;) {
      const epoch = Number((await text('.card[data-role=primary] .number'))!.replaceAll(',', ''));
      if (epoch >= least) return epoch;
    }
  }

  /** Enter at what has the focus, and Enter in the dialog; again where a busy host was not protected for a moment. */
  async function pressedUntil(focus: () => Promise<void>, answer: string): Promise<void> {
    for (;;) {
      await focus();
      await page.keyboard.press('Enter');
      if (await isAsked()) await page.keyboard.press('Enter');
      const deadlineMs = Date.now() + 2_000;
      while (Date.now() < deadlineMs) {
        if ((await text('#answer')) === answer) return;
        await page.waitForTimeout(20);
      }
    }
  }

  const isAsked = () => page.evaluate("document.getElementById('ask').open") as Promise<boolean>;

  test('by keyboard alone: Escape does nothing, Enter restarts the secondary, a paused backup is replaced', async () => {
    const machine = bench.startWatched(
      ['--dashboard', '127.0.0.1:0', '--suspicion', '2000', guest('gated'), '100000'],
      'pipe',
    );
    await open(machine, 'dark');
    const before = await machine.isProtected();
    await page.locator('#restart[aria-disabled=false]').waitFor();
    const focused = () => page.evaluate('document.activeElement.id || document.activeElement.textContent');
    const tabTo = async (what: string) => {
      for (let presses = 0; (await focused()) !== what; presses++) {
        expect(presses, `Tab comes to ${what}`).toBeLessThan(20);
        await page.keyboard.press('Tab');
      }
    };
    await tabTo('restart');
    while (!(await isAsked())) await page.keyboard.press('Enter');
    expect(await focused()).toBe('ask-yes');
    await page.keyboard.press('Escape');
    expect(await isAsked()).toBe(false);
    expect(await focused()).toBe('restart');
    expect(machine.now!.backups[0]!.pid).toBe(before.backups[0]!.pid);
    await pressedUntil(
      () => page.locator('#restart').focus(),
      `The backup, process ${before.backups[0]!.pid}, was killed.`,
    );
    const after = await machine.status(one => one.protected && one.view > 2);
    expect(after.primary.pid).toBe(before.primary.pid);
    const backup = after.backups[0]!.pid;
    await shows('.card[data-role=backup] .pid', `process ${backup}`);
    const pause = page.locator(`button[aria-label="Pause the backup, process ${backup}"]:enabled`);
    await pressedUntil(() => pause.focus(), `Process ${backup} is paused.`);
    // It is suspected, and left out: the primary goes on without it.
    await machine.status(one => one.view > 3);
    // Who goes on finds that it is left out, and ends.
    const resume = page.locator('#stopped button', { hasText: `Resume process ${backup}` });
    await pressedUntil(() => resume.focus(), `Process ${backup} goes on.`);
    while (bench.marked().includes(backup)) await page.waitForTimeout(50);
    await page.locator('#stopped button').waitFor({ state: 'detached' });
    await undisturbed(machine);
    await page.close();
  });

  test('dark and light, as the user has it, with enough contrast', async () => {
    const machine = bench.startWatched([...FLAGS, guest('gated'), '100000'], 'pipe');
    await open(machine, 'dark');
    // Of the text, and of what it stands on.
    const colours = (selector: string) =>
      page.evaluate(`(() => {
        const one = document.querySelector('${selector}');
        const ground = one.closest('.card, .log, #news, button') ?? document.body;
        return [getComputedStyle(one).color, getComputedStyle(ground).backgroundColor];
      })()`) as Promise<[string, string]>;
    await page.locator('#protection[data-state=protected]').waitFor();
    for (const scheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      const [, background] = await colours('h1');
      expect(luminance(background) < 0.5).toBe(scheme === 'dark');
      for (const selector of [
        'h1',
        '.brand',
        '#about',
        '#protection',
        '.card h3',
        '.log h3',
        '.rest',
        'dt',
        '#news',
        '.card button',
      ]) {
        expect(contrast(...(await colours(selector))), `${selector} in ${scheme}`).toBeGreaterThan(4.5);
      }
    }
    await undisturbed(machine);
    await page.close();
  });
});

/** Of `rgb(1, 2, 3)`, as WCAG has it. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [...colour.matchAll(/\d+/g)].map(([value]) => {
    const part = Number(value) / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

test('pages that never read are not noticed by the guest', async () => {
  const machine = bench.startWatched([...FLAGS, guest('gated'), '100000'], 'pipe');
  const url = (await pageOf(machine)).replace('http', 'ws');
  await machine.isProtected();
  const pages = Array.from({ length: 30 }, () => new WebSocket(`${url}feed`));
  for (const page of pages) {
    page.on('error', () => undefined);
    page.once('open', () => page.pause());
  }
  const { length } = machine.command.stdout;
  await machine.wrote(length + 4_000);
  const { view, failovers } = machine.now!;
  expect({ view, failovers }).toEqual({ view: 1, failovers: 0 });
  await undisturbed(machine);
  for (const page of pages) page.terminate();
});

test('not on loopback the address has a token, which is said though the rest is quiet', async () => {
  const machine = bench.startWatched(['--quiet', '--dashboard', '0.0.0.0:0', guest('gated'), '100000'], 'pipe');
  const { port } = new URL(await pageOf(machine));
  await machine.isProtected();
  const [, said = ''] = /^epochvisor: page at (http:\S+)\n$/.exec(machine.command.stderr) ?? [];
  const token = new URL(said).searchParams.get('token');
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(401);
  expect((await fetch(`http://127.0.0.1:${port}/?token=${token}`)).status).toBe(200);
  await undisturbed(machine);
});

test('a port in use, and what is no address, are refused in one line before anything runs', async () => {
  const other = createServer();
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const used = await bench.run(['run', '--dashboard', `127.0.0.1:${port}`, guest('hello')]);
  other.close();
  expect({ status: used.status, stdout: used.stdout }).toEqual({ status: 2, stdout: '' });
  expect(used.stderr).toBe(
    `epochvisor: the page can't be served on 127.0.0.1:${port}: the port is in use [METRICS_ADDRESS]: name another\n`,
  );
  for (const text of ['8080', 'unix:/tmp/x', '127.0.0.1:99999', '']) {
    const { status, stderr } = await bench.run(['run', '--dashboard', text, guest('hello')]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^epochvisor: .*ADDR:PORT.* \[BAD_USAGE\].*\n$/);
  }
});

test('the demo with a page runs until it is told to end, and says where the page is', async () => {
  const demo = bench.start(['demo', '--dashboard']);
  const said = async () => {
    for (;;) {
      const [, url] = /^epochvisor: page at (http:\S+)$/m.exec(demo.stderr) ?? [];
      if (url !== undefined) return url;
      await new Promise(resolve => setTimeout(resolve, 20));
    }
  };
  const page = new WebSocket(`${(await said()).replace('http', 'ws')}feed`);
  const told = (fits: (message: ToPage) => boolean) =>
    new Promise<ToPage>(resolve => {
      page.on('message', data => {
        const message = JSON.parse(String(data)) as ToPage;
        if (fits(message)) resolve(message);
      });
    });
  await told(one => one.type === 'frame' && one.status.protected && one.status.epoch > 0);
  const last = told(({ type }) => type === 'ended');
  demo.kill('SIGINT');
  expect(await last).toEqual({ type: 'ended', text: 'stopped by SIGINT' });
  expect((await demo.ended).status).toBe(130);
});
