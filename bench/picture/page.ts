// `npm run picture:page`: looks at the page of `epochvisor demo --dashboard` after a failover, and keeps it as docs/page.png.
//
//   --out FILE      in place of docs/page.png
//   --scheme NAME   light or dark (default)
//   --width N       of the window, pixels (default 1000)

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { chromium } from 'playwright-core';
import { isTiny, ROOT } from '../host.js';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(ROOT, 'docs', 'page.png') },
    scheme: { type: 'string', default: 'dark' },
    width: { type: 'string', default: '1000' },
  },
});
const CHROMIUM = '/usr/bin/chromium';
/** Before the primary is killed, and after a new backup has joined: what the plots show. */
const RUN_MS = isTiny ? 0 : 30_000;
const AFTER_MS = isTiny ? 0 : 20_000;
const PATIENCE_MS = 60_000;

const demo = spawn(process.execPath, [join(ROOT, 'dist', 'bundle', 'cli-main.js'), 'demo', '--dashboard'], {
  stdio: ['ignore', 'ignore', 'pipe'],
});
const ended = new Promise(resolve => demo.once('close', resolve));
const url = await new Promise<string>((resolve, reject) => {
  let said = '';
  demo.stderr.on('data', (bytes: Buffer) => {
    said += bytes.toString();
    const [, found] = /page at (\S+)\n/.exec(said) ?? [];
    if (found !== undefined) resolve(found);
  });
  void ended.then(() => reject(new Error(`the demo has ended: ${said}`)));
});
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
try {
  const page = await browser.newPage({
    viewport: { width: Number(values.width), height: 800 },
    colorScheme: values.scheme === 'light' ? 'light' : 'dark',
  });
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(url);
  await page.locator('#failover[aria-disabled=false]').waitFor();
  await pause(RUN_MS);
  await page.click('#failover');
  await page.click('#ask-yes');
  await page.locator('#news li[data-kind=joined]').first().waitFor();
  await page.locator('#protection[data-state=protected]').waitFor();
  await pause(AFTER_MS);
  const picture = await page.screenshot({ fullPage: true });
  if (!isTiny) writeFileSync(values.out, picture);
  console.log(
    markdownTable([
      ['picture', 'bytes'],
      [isTiny ? 'not kept' : values.out, String(picture.length)],
    ]),
  );
} finally {
  await browser.close();
  demo.kill('SIGTERM');
  await ended;
}
