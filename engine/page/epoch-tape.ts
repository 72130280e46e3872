// The epochs of both replicas side by side, as they run: a lane each, along one axis of epochs that moves with the primary.
//
// An epoch is often shorter than a frame of the screen. So the window is as many epochs as pass in about two seconds, with a line at
// each round number of them; how much further one bar reaches than the other is the lag. Dots are interrupts that were delivered.

import { colour } from './elements.js';
import { grouped } from './words.js';

export interface Lane {
  readonly role: string;
  readonly incarnation: string;
  readonly epoch: number;
  readonly interruptsDelivered: number;
  readonly paused: boolean;
}

const LANE_PX = 26;
const GAP_PX = 8;
const AXIS_PX = 22;
const WINDOW_MIN_EPOCHS = 20;
const WINDOW_SECONDS = 2;
/** The slowest backup is to be seen. */
const BEHIND_TIMES = 1.6;
/** Of what it lacks, and has too much, in one frame of the screen. */
const GROWS = 0.06;
const SHRINKS = 0.008;
/** Remembered of a lane: what is left of the window is forgotten, and a window has no more places than that. */
const DOTS_MAX = 400;
/** Lines are so far apart at least, px. */
const STEP_MIN_PX = 90;

interface Track {
  dots: number[];
  delivered: number;
}

export class EpochTape {
  readonly #canvas: HTMLCanvasElement;
  readonly #tracks = new Map<string, Track>();
  #windowEpochs = WINDOW_MIN_EPOCHS;
  #last = { epoch: 0, ms: 0 };

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
  }

  /** @param nowMs of requestAnimationFrame */
  draw(lanes: readonly Lane[], nowMs: number): void {
    const { head, perSecond } = this.#pace(lanes, nowMs);
    if (perSecond !== undefined) {
      const behind = head - Math.min(head, ...lanes.filter(({ role }) => role !== 'joining').map(({ epoch }) => epoch));
      const wanted = Math.max(WINDOW_MIN_EPOCHS, perSecond * WINDOW_SECONDS, behind * BEHIND_TIMES);
      // A window that jumps can't be followed by the eye; one that is too small shows nothing.
      this.#windowEpochs += (wanted - this.#windowEpochs) * (wanted > this.#windowEpochs ? GROWS : SHRINKS);
    }
    const right = head + this.#windowEpochs * 0.04;
    const left = right - this.#windowEpochs;
    this.#note(lanes, left);
    const context = this.#clean(AXIS_PX + lanes.length * (LANE_PX + GAP_PX));
    if (context === undefined) return;
    const width = this.#canvas.clientWidth;
    const x = (epoch: number) => ((epoch - left) / this.#windowEpochs) * width;
    this.#drawAxis(context, left, right, x, width);
    for (const [at, lane] of lanes.entries()) {
      this.#drawLane(context, lane, AXIS_PX + at * (LANE_PX + GAP_PX), x, width);
    }
  }

  #pace(lanes: readonly Lane[], nowMs: number): { head: number; perSecond: number | undefined } {
    const head = Math.max(0, ...lanes.map(({ epoch }) => epoch));
    const passedMs = nowMs - this.#last.ms;
    // After a pause (a hidden tab), and when the same is drawn again, nothing is known of the pace.
    const isKnown = passedMs > 0 && passedMs < 1000;
    const perSecond = isKnown ? (1000 * Math.max(0, head - this.#last.epoch)) / passedMs : undefined;
    this.#last = { epoch: head, ms: nowMs };
    return { head, perSecond };
  }

  #note(lanes: readonly Lane[], left: number): void {
    for (const { incarnation, epoch, interruptsDelivered: delivered } of lanes) {
      const track = this.#tracks.get(incarnation) ?? { dots: [], delivered };
      if (Math.floor(delivered) > Math.floor(track.delivered)) track.dots.push(epoch);
      track.delivered = delivered;
      track.dots = track.dots.filter(dot => dot > left).slice(-DOTS_MAX);
      this.#tracks.set(incarnation, track);
    }
    for (const known of this.#tracks.keys()) {
      if (!lanes.some(({ incarnation }) => incarnation === known)) this.#tracks.delete(known);
    }
  }

  /** In as many dots as the screen has. */
  #clean(height: number): CanvasRenderingContext2D | undefined {
    const ratio = devicePixelRatio;
    const [pixels, rows] = [Math.round(this.#canvas.clientWidth * ratio), Math.round(height * ratio)];
    if (this.#canvas.width !== pixels || this.#canvas.height !== rows) {
      this.#canvas.width = pixels;
      this.#canvas.height = rows;
      this.#canvas.style.height = `${height}px`;
    }
    const context = this.#canvas.getContext('2d');
    if (context === null || pixels === 0) return undefined;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, pixels, rows);
    context.font = '12px system-ui, "DejaVu Sans", sans-serif';
    context.textBaseline = 'middle';
    return context;
  }

  #drawAxis(
    context: CanvasRenderingContext2D,
    left: number,
    right: number,
    x: (epoch: number) => number,
    width: number,
  ): void {
    const step = roundStep((this.#windowEpochs * STEP_MIN_PX) / width);
    context.strokeStyle = colour('line');
    context.fillStyle = colour('muted');
    context.lineWidth = 1;
    for (let epoch = Math.max(0, Math.ceil(left / step) * step); epoch < right; epoch += step) {
      const at = Math.round(x(epoch)) + 0.5;
      context.beginPath();
      context.moveTo(at, AXIS_PX - 4);
      context.lineTo(at, this.#canvas.clientHeight);
      context.stroke();
      context.fillText(grouped(epoch), at + 4, AXIS_PX / 2 - 2);
    }
  }

  #drawLane(
    context: CanvasRenderingContext2D,
    { role, incarnation, epoch, paused }: Lane,
    top: number,
    x: (epoch: number) => number,
    width: number,
  ): void {
    const end = Math.max(0, Math.min(width, x(epoch)));
    context.fillStyle = colour('raised');
    context.fillRect(0, top, width, LANE_PX);
    context.fillStyle = colour(paused ? 'weak' : role === 'primary' ? 'primary' : 'backup');
    context.globalAlpha = 0.28;
    context.fillRect(0, top, end, LANE_PX);
    context.globalAlpha = 1;
    context.fillRect(Math.max(0, end - 3), top, 3, LANE_PX);
    context.fillStyle = colour('interrupt');
    for (const dot of this.#tracks.get(incarnation)?.dots ?? []) {
      context.beginPath();
      context.arc(x(dot), top + LANE_PX - 6, 3, 0, 2 * Math.PI);
      context.fill();
    }
    context.fillStyle = colour('text');
    context.fillText(paused ? `${role} (paused)` : role, 8, top + LANE_PX / 2 + 1);
  }
}

/** 1, 2 or 5 times a power of ten, not less than `least`. */
export function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return power * ([1, 2, 5].find(times => times * power >= least) ?? 10);
}
