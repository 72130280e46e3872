// The timeline of a trial as a picture, and in words for those who don't see it: a lane for each replica and the bus, time going down.
//
// Colours are the page's (page-style.ts), by class. Arrows of one class are one path: pages with many timelines stay small.

import type { PointRecord } from '../../testing/point-record.js';
import { titleOf } from './failover-report.js';
import { grouped, strikeOf } from './in-flight.js';
import { element, type Markup } from './markup.js';
import { BUS_LANE, layOut, NO_LANE, type TimelineLayout, type TimelineRow } from './timeline-layout.js';

/** All in CSS pixels. */
const ROW = 19;
const HEAD = 34;
const GAP_ROW = 20;
const FIRST_LANE = 130;
const LANE = 230;
/** Beside the last lane, for the names of steps. */
const MARGIN = 250;
const ARROW = 6;
const CHARACTER = 6.6;
/** Of what is bold. */
const WIDE_CHARACTER = 7.4;
/** Where nothing happens for longer it is said, ns. */
const GAP_NS = 20e6;

interface Drawing {
  readonly layout: TimelineLayout;
  readonly laneX: ReadonlyMap<string, number>;
  readonly rowY: readonly number[];
  readonly height: number;
  readonly width: number;
}

/** Undefined where there is no timeline. */
export function timelinePicture(record: PointRecord, id: string): Markup | undefined {
  if (record.timeline === undefined || record.timeline.length === 0) return undefined;
  const layout = layOut(record);
  const drawing = place(layout);
  const { width, height } = drawing;
  const picture = element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      class: 'timeline',
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: 'img',
      'aria-labelledby': `${id}-title ${id}-desc`,
    },
    element('title', { id: `${id}-title` }, `Timeline of ${titleOf(record)} (${record.variant})`),
    element('desc', { id: `${id}-desc` }, summary(record, layout)),
    lanes(drawing),
    arrows(drawing),
    gaps(drawing),
    layout.rows.map((row, index) => marks(drawing, row, index)),
  );
  const words = layout.rows.map(row => element('li', {}, inWords(layout, row)));
  return element(
    'div',
    { class: 'timed' },
    element('div', { class: 'scrolled', tabindex: 0, role: 'group', 'aria-label': 'timeline' }, picture),
    element('details', {}, element('summary', {}, 'The same in words'), element('ol', {}, words)),
  );
}

function summary(record: PointRecord, { lanes, rows, leftOut }: TimelineLayout): string {
  const who = lanes.map(({ title }) => title).join(', ');
  const steps = rows.filter(({ kind }) => kind === 'takeover').map(({ what, atNs }) => `${what} at ${time(atNs)}`);
  return [
    `Lanes: ${who}; ${rows.length} events, ${leftOut} more left out.`,
    record.kill === null ? 'Nobody was struck.' : `At 0, ${strikeOf(record)}.`,
    ...(steps.length === 0 ? [] : [`Takeover: ${steps.join(', ')}.`]),
    'The list after the picture says all of it in words.',
  ].join(' ');
}

function place(layout: TimelineLayout): Drawing {
  const { lanes, rows } = layout;
  const laneX = new Map(lanes.map(({ key }, index) => [key, FIRST_LANE + index * LANE]));
  let y = HEAD + ROW / 2;
  const rowY = rows.map((row, index) => {
    if (isGap(rows, index) || row.leftOut > 0) y += GAP_ROW;
    const here = y;
    y += ROW;
    return here;
  });
  return { layout, laneX, rowY, height: y + ROW / 2, width: FIRST_LANE + (lanes.length - 1) * LANE + MARGIN };
}

function isGap(rows: readonly TimelineRow[], index: number): boolean {
  return index > 0 && rows[index]!.atNs - rows[index - 1]!.atNs > GAP_NS;
}

/** A lane ends where its replica dies, and is strong while it is the primary; a bus that dies is started again. */
function lanes({ layout, laneX, rowY, height }: Drawing): Markup[] {
  return layout.lanes.flatMap(({ key, title }) => {
    const x = laneX.get(key)!;
    const own = [...layout.rows.entries()].filter(([, { lane }]) => lane === key);
    const died = own.find(([, { kind, what }]) => kind === 'strike' && what.startsWith('killed') && key !== BUS_LANE);
    const end = rowY[died?.[0] ?? -1];
    const claim = rowY[own.find(([, { kind, what }]) => kind === 'takeover' && what === 'claim')?.[0] ?? -1];
    const begin = key.startsWith('joining') ? rowY[own[0]?.[0] ?? 0]! : HEAD;
    const bottom = height - ROW / 2;
    const strong = key.startsWith('primary') ? begin : claim;
    return [
      element('text', { class: 'lane-name', x, y: 14, 'text-anchor': 'middle' }, title),
      element('path', { class: 'lane', d: `M${x} ${begin}V${end ?? bottom}` }),
      ...(end === undefined ? [] : [element('path', { class: 'lane dead', d: `M${x} ${end}V${bottom}` })]),
      ...(strong === undefined
        ? []
        : [element('path', { class: 'lane in-charge', d: `M${x} ${strong}V${end ?? bottom}` })]),
    ];
  });
}

function arrows({ layout, laneX, rowY }: Drawing): Markup[] {
  const paths: Record<'message' | 'lost' | 'output' | 'bus', string[]> = { message: [], lost: [], output: [], bus: [] };
  for (const [index, row] of layout.rows.entries()) {
    const { lane, kind, what, other, link } = row;
    const x = laneX.get(lane)!;
    const y = rowY[index]!;
    const bus = laneX.get(BUS_LANE);
    if (kind === 'output' && bus !== undefined) paths.output.push(arrow(x, y, bus, y));
    if (kind === 'bus' && bus !== undefined) paths.bus.push(arrow(bus, y, x, y));
    if (kind !== 'message') continue;
    const side = towards(layout, row);
    if (what.startsWith('send ')) {
      if (other !== undefined) paths.message.push(arrow(x, y, laneX.get(layout.rows[other]!.lane)!, rowY[other]!));
      else paths[link === undefined ? 'lost' : 'message'].push(arrow(x, y, x + (side * LANE) / 2, y));
    } else if (other === undefined) paths.message.push(arrow(x + (side * LANE) / 3, y, x, y));
  }
  return Object.entries(paths).flatMap(([name, d]) =>
    d.length === 0 ? [] : [element('path', { class: `arrow ${name}`, d: d.join('') })],
  );
}

/** On which side the other end of a message is; where it is not shown it is most likely the primary, which is the first. */
function towards({ lanes, rows }: TimelineLayout, { lane, other }: TimelineRow): 1 | -1 {
  const place = (key: string) => lanes.findIndex(one => one.key === key);
  const first = lanes.findIndex(({ key }) => key !== BUS_LANE);
  if (other !== undefined) return place(rows[other]!.lane) < place(lane) ? -1 : 1;
  return place(lane) > first ? -1 : 1;
}

function arrow(x1: number, y1: number, x2: number, y2: number): string {
  const angle = Math.atan2(y2 - y1, x2 - x1);
  const wing = (turn: number) =>
    `${round(x2 - ARROW * Math.cos(angle + turn))} ${round(y2 - ARROW * Math.sin(angle + turn))}`;
  return `M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}M${wing(0.5)}L${round(x2)} ${round(y2)}L${wing(-0.5)}`;
}

const round = (value: number) => Math.round(value * 10) / 10;

/** What is not shown, or how long nothing happened. */
function gaps({ layout, rowY }: Drawing): Markup[] {
  return layout.rows.flatMap(({ leftOut, atNs }, index) => {
    const y = rowY[index]! - GAP_ROW + 6;
    if (leftOut > 0) return [element('text', { class: 'gap', x: 4, y }, `⋮ ${grouped(leftOut)} events left out`)];
    if (!isGap(layout.rows, index)) return [];
    const lasted = span(atNs - layout.rows[index - 1]!.atNs);
    return [element('text', { class: 'gap', x: 72, y, 'text-anchor': 'end' }, `⋮ ${lasted}`)];
  });
}

function marks(drawing: Drawing, row: TimelineRow, index: number): Markup[] {
  if (row.lane === NO_LANE) return viewMarks(drawing, row, index);
  const { layout, laneX, rowY, width } = drawing;
  const x = laneX.get(row.lane)!;
  const y = rowY[index]!;
  const isStrike = row.kind === 'strike';
  const label = labelOf(row);
  const isLeft = row.kind === 'output' || row.kind === 'bus' || (row.kind === 'message' && towards(layout, row) < 0);
  // What was received stands where it was sent, unless that is not shown.
  const says = label !== '' && !(row.kind === 'message' && row.what.startsWith('receive') && row.other !== undefined);
  const beginsEpoch =
    isStrike || layout.rows.findLast(({ lane }, at) => lane === row.lane && at < index)?.epoch !== row.epoch;
  return [
    element('text', { class: 'time', x: 72, y: y + 4, 'text-anchor': 'end' }, time(row.atNs)),
    ...(isStrike ? [strikeLine(row, x, y, width)] : []),
    shape(row, x, y),
    ...(beginsEpoch ? tick(row, x, y, isEpochRight(layout, row)) : []),
    ...(says ? [element('text', labelPlace(row, x, y, isLeft, index), label)] : []),
  ];

  function labelPlace({ kind }: TimelineRow, x: number, y: number, isLeft: boolean, at: number) {
    const goesDown = kind === 'message' && (row.other ?? at) > at;
    const on = kind === 'takeover' || kind === 'join' || kind === 'strike' ? 4 : goesDown ? -2 : -3;
    return {
      class: `label ${kind}`,
      x: isLeft ? x - 10 : x + 12,
      y: y + on,
      ...(isLeft ? { 'text-anchor': 'end' } : {}),
    };
  }
}

/** Across all lanes: the machine has another view. */
function viewMarks({ rowY, width }: Drawing, row: TimelineRow, index: number): Markup[] {
  const y = rowY[index]!;
  const label = labelOf(row);
  const right = width - 8;
  return [
    element('text', { class: 'time', x: 72, y: y + 4, 'text-anchor': 'end' }, time(row.atNs)),
    element('path', { class: 'view', d: `M80 ${y}H${round(right - (label.length + 1) * CHARACTER)}` }),
    element('text', { class: 'label view', x: right, y: y + 4, 'text-anchor': 'end' }, label),
  ];
}

/** Across all lanes, but not through words. */
function strikeLine(row: TimelineRow, x: number, y: number, width: number): Markup {
  const epochWords = `epoch ${grouped(row.epoch)}`.length + 2;
  const words = labelOf(row).length + 2;
  const right = x + 12 + words * WIDE_CHARACTER;
  const after = right < width ? `M${round(right)} ${y}H${width}` : '';
  return element('path', { class: 'struck', d: `M80 ${y}H${round(x - 9 - epochWords * CHARACTER)}${after}` });
}

/** Where no arrow ends, nor words of the row stand. */
function isEpochRight(layout: TimelineLayout, row: TimelineRow): boolean {
  const { kind } = row;
  if (kind === 'bus' || kind === 'output') return true;
  return kind === 'message' && towards(layout, row) < 0;
}

/** An epoch's number, where a replica is first seen in it. */
function tick({ epoch }: TimelineRow, x: number, y: number, isRight: boolean): Markup[] {
  const words = `epoch ${grouped(epoch)}`;
  const left = isRight ? x + 9 : x - 9 - words.length * CHARACTER;
  return [
    element('path', { class: 'tick', d: `M${x - 6} ${y}H${x + 6}` }),
    element('text', { class: 'epoch', x: round(left), y: y + 4 }, words),
  ];
}

function shape({ kind }: TimelineRow, x: number, y: number): Markup {
  if (kind === 'strike') return element('path', { class: 'cross', d: `M${x - 6} ${y - 6}l12 12m0 -12l-12 12` });
  if (kind === 'takeover' || kind === 'join') {
    return element('path', { class: `step ${kind}`, d: `M${x - 6} ${y}l6 -6l6 6l-6 6z` });
  }
  return element('circle', { class: `dot ${kind}`, cx: x, cy: y, r: 3 });
}

function labelOf({ kind, what, number, view }: TimelineRow): string {
  const said = what.replace(/^(send|receive|release|hear) /, '');
  switch (kind) {
    case 'message':
    case 'output':
    case 'bus':
      return `${said} ${number}`;
    case 'view':
      return `view ${number}: ${what}`;
    case 'takeover':
      return what === 'claim' ? `takeover: claim of view ${view}` : `takeover: ${what}`;
    case 'join':
      return `join: ${what}`;
    default:
      return what;
  }
}

function inWords({ lanes }: TimelineLayout, row: TimelineRow): string {
  const who = lanes.find(({ key }) => key === row.lane)?.title ?? 'the machine';
  const told = row.leftOut > 0 ? `(${grouped(row.leftOut)} events left out) ` : '';
  const what = row.kind === 'strike' ? row.what : `${row.kind} ${grouped(row.number)}, ${row.what}`;
  return `${told}${time(row.atNs)}, ${who}, view ${row.view}, epoch ${grouped(row.epoch)}: ${what}`;
}

/** From the strike. */
function time(ns: number): string {
  return `${ns < 0 ? '−' : ns > 0 ? '+' : ''}${span(Math.abs(ns))}`;
}

function span(ns: number): string {
  const ms = ns / 1e6;
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms === 0 ? '0' : ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : grouped(Math.round(ms))} ms`;
}
