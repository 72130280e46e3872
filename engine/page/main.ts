// The page of a running machine (`epochvisor run --dashboard`): it hears of it some times a second, and redraws with the screen.

import { byId, made, say } from './elements.js';
import { Feed } from './feed.js';
import { Orders } from './orders.js';
import type { PageFrame, PageNews, ToPage } from './page-frame.js';
import { Plots } from './plots.js';
import { ReplicaCards } from './replica-cards.js';
import { Smoothed } from './smoothed.js';
import { counted, lasted, scaled, sized } from './words.js';

/** Of what has happened the page keeps so much. */
const NEWS_MAX = 200;

const feedUrl = new URL('feed', location.href);
feedUrl.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
feedUrl.search = location.search;

const frames = new Smoothed<PageFrame>();
const plots = new Plots(byId('plots'));
const feed = new Feed(feedUrl.href, hear, lose);
const orders = new Orders(order => feed.send(order));
const cards = new ReplicaCards(byId('replicas'), (incarnation, role, pid, paused) =>
  orders.askPause(incarnation, role, pid, paused),
);
const news = byId('news');
const list = byId('list');
const figures = new Map<string, HTMLElement>();
let run = '';
let repairs = false;
let latest = 0;
let last: PageFrame | undefined;
/** What was drawn does not fit any more. */
let isStale = false;
/** Nothing moves any more, from then on. */
let stoppedMs: number | undefined;

function hear(message: ToPage): void {
  const nowMs = performance.now();
  switch (message.type) {
    case 'hello':
      begin(message.run);
      repairs = message.repairs;
      return;
    case 'frame':
      stoppedMs = undefined;
      last = message;
      frames.add(message, message.atMs, nowMs);
      plots.add(message, nowMs);
      show(message);
      return;
    case 'news':
      for (const one of message.news) tell(one);
      return;
    case 'answer':
      orders.answered(message.done, message.text);
      return;
    case 'ended':
      stop(`the machine has ended: ${message.text}`);
      protection('ended', 'Ended');
      cards.ended();
      return;
  }
}

/** Another machine at the same address is another page. */
function begin(one: string): void {
  byId('ended').hidden = true;
  cards.begun();
  if (run === one) return;
  run = one;
  latest = 0;
  news.replaceChildren();
  frames.clear();
}

function lose(): void {
  stop('The connection is lost; it is tried again. What is shown is what was last known.');
  protection('waits', 'Not connected');
}

function stop(text: string): void {
  stoppedMs ??= performance.now();
  byId('ended').hidden = false;
  say(byId('ended'), text);
  orders.close();
}

function protection(state: string, text: string): void {
  const element = byId('protection');
  element.dataset.state = state;
  say(element, text);
}

function show(frame: PageFrame): void {
  const { status } = frame;
  if (status.protected) protection('protected', 'Protected');
  else protection('unprotected', `Not protected: ${status.reason}`);
  const guest = status.launcher?.guest.split('/').at(-1) ?? '';
  say(byId('guest'), guest);
  document.title = `${guest}: ${status.protected ? 'Protected' : 'Not protected'} - Epochvisor`;
  const { launcher } = status;
  say(byId('about'), `machine ${status.machine} on ${launcher?.host}, process ${launcher?.pid}`);
  orders.can(frame, repairs);
  figure('View', String(status.view));
  figure('Failovers', String(status.failovers ?? 0));
  figure('Epoch length', `${scaled(status.epochLength)} instructions`);
  figure('Throughput', `${scaled(status.instructionsPerSecond)} instructions/s`);
  figure('Backup behind by', lasted(status.lagMs));
  figure('Log', `${sized(status.logBytesPerSecond)}/s`);
  figure(
    'Output held',
    status.heldBytes === 0 ? 'nothing' : `${sized(status.heldBytes)}, oldest ${lasted(status.heldMs)}`,
  );
  figure('Outstanding', counted(status.outstanding, 'operation'));
  const { roundTrips, roundTripMs } = frame.figures;
  figure('Acknowledged after', roundTrips === 0 ? '-' : `${lasted(roundTripMs / roundTrips)} on average`);
  const failover = status.lastFailover;
  const silent = failover?.silentMs == null ? '-' : `${lasted(failover.silentMs)} of silence`;
  figure('Last failover', failover == null ? 'none' : `view ${failover.view}, ${silent}`);
}

function figure(name: string, text: string): void {
  let value = figures.get(name);
  if (value === undefined) {
    value = made('dd');
    figures.set(name, value);
    list.append(made('div', {}, made('dt', { text: name }), value));
  }
  say(value, text);
}

function tell({ number, at, kind, text }: PageNews): void {
  // A page that was connected before has heard of it.
  if (number <= latest) return;
  latest = number;
  const time = made('time', { text: new Date(at).toLocaleTimeString() });
  time.dateTime = at;
  const item = made('li', {}, time, ' ', text);
  item.dataset.kind = kind;
  news.prepend(item);
  while (news.childElementCount > NEWS_MAX) news.lastElementChild?.remove();
}

function draw(): void {
  requestAnimationFrame(draw);
  const nowMs = performance.now();
  if (last === undefined || (stoppedMs !== undefined && !isStale)) return;
  isStale = false;
  // Once it has stopped: the same again, in another size or other colours.
  const shownMs = stoppedMs ?? nowMs;
  const shown = frames.at(shownMs);
  if (shown !== undefined) cards.draw(shown.from, shown.to, shown.part, shownMs);
  plots.draw(shownMs);
}

const makeStale = () => {
  isStale = true;
};
addEventListener('resize', makeStale);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', makeStale);
draw();
