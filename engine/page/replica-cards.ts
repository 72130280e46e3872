// The pair as cards: the primary, the log that it writes, and whoever reads it; each replica can be paused from its card.

import type { ReplicaFigures } from '../observe/status.js';
import { made, say } from './elements.js';
import { EpochTape } from './epoch-tape.js';
import type { PageFrame } from './page-frame.js';
import { between } from './smoothed.js';
import { counted, grouped, sized } from './words.js';

interface Card {
  readonly root: HTMLElement;
  readonly role: HTMLElement;
  readonly pid: HTMLElement;
  readonly epoch: HTMLElement;
  readonly rest: HTMLElement;
  readonly pause: HTMLButtonElement;
}

export class ReplicaCards {
  readonly #row = made('div', { class: 'row' });
  readonly #log = made('div', { class: 'log' });
  readonly #written = made('p', { class: 'rest' });
  readonly #way = made('p', { class: 'way' });
  readonly #behind = made('p', { class: 'rest' });
  readonly #tape: EpochTape;
  readonly #cards = new Map<string, Card>();
  readonly #asks: (incarnation: string, role: string, pid: number, paused: boolean) => void;
  #order = '';
  #isOver = false;

  /** @param asks a card's button was pressed; @param paused: what it is now */
  constructor(place: HTMLElement, asks: (incarnation: string, role: string, pid: number, paused: boolean) => void) {
    this.#asks = asks;
    const canvas = made('canvas');
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', 'Epochs of the replicas side by side; their numbers stand in the cards');
    this.#tape = new EpochTape(canvas);
    this.#log.append(made('h3', { text: 'Log' }), this.#written, this.#way, this.#behind);
    place.append(this.#row, canvas);
  }

  /** @param nowMs of requestAnimationFrame */
  draw(from: PageFrame, to: PageFrame, part: number, nowMs: number): void {
    const { replicas } = to.status;
    const lanes = replicas.map(replica => {
      const before = from.status.replicas.find(({ incarnation }) => incarnation === replica.incarnation);
      const epoch = between(before?.epoch, replica.epoch, part);
      const instructions = between(before?.instructions, replica.instructions, part);
      const interruptsDelivered = between(before?.interruptsDelivered, replica.interruptsDelivered, part);
      return {
        ...replica,
        epoch,
        instructions,
        interruptsDelivered,
        paused: to.paused.some(({ incarnation }) => incarnation === replica.incarnation),
      };
    });
    // Its figures may be younger than the primary's; it is never further.
    const [{ epoch: most, instructions: mostInstructions } = { epoch: 0, instructions: 0 }] = lanes;
    for (const lane of lanes) {
      lane.epoch = Math.min(lane.epoch, most);
      lane.instructions = Math.min(lane.instructions, mostInstructions);
    }
    this.#arrange(replicas);
    for (const lane of lanes) this.#fill(this.#cards.get(lane.incarnation)!, lane, to);
    this.#fillLog(from, to, part);
    this.#tape.draw(lanes, nowMs);
  }

  /** Nobody is there to be paused. */
  ended(): void {
    this.#isOver = true;
    for (const { pause } of this.#cards.values()) pause.disabled = true;
  }

  begun(): void {
    this.#isOver = false;
  }

  /** The primary, the log, then the others; what has the focus is not moved. */
  #arrange(replicas: readonly ReplicaFigures[]): void {
    const order = replicas.map(({ incarnation }) => incarnation).join();
    if (order === this.#order) return;
    this.#order = order;
    for (const [incarnation, { root }] of this.#cards) {
      if (replicas.some(one => one.incarnation === incarnation)) continue;
      root.remove();
      this.#cards.delete(incarnation);
    }
    const [first, ...others] = replicas.map(({ incarnation }) => {
      const card = this.#cards.get(incarnation) ?? newCard();
      if (!this.#cards.has(incarnation)) this.#cards.set(incarnation, card);
      return card.root;
    });
    this.#row.replaceChildren(...(first === undefined ? [] : [first]), this.#log, ...others);
  }

  #fill(card: Card, lane: ReplicaFigures & { paused: boolean }, { status }: PageFrame): void {
    const { role, pid, epoch, instructions, interruptsDelivered, rssBytes, paused, incarnation } = lane;
    card.root.dataset.role = role;
    say(card.role, paused ? `${role}, paused` : role);
    say(card.pid, `process ${pid}`);
    say(card.epoch, grouped(epoch));
    const told = role === 'primary' ? `, ${grouped(status.interruptsTold)} buffered` : '';
    const delivered = `${counted(interruptsDelivered, 'interrupt')} delivered`;
    say(card.rest, `${grouped(instructions)} instructions\n${delivered}${told}\n${sized(rssBytes)} of memory`);
    card.pause.disabled = this.#isOver || pid === 0;
    say(card.pause, paused ? 'Resume' : 'Pause …');
    card.pause.setAttribute('aria-label', `${paused ? 'Resume' : 'Pause'} the ${role}, process ${pid}`);
    card.pause.onclick = () => this.#asks(incarnation, role, pid, paused);
  }

  #fillLog(from: PageFrame, to: PageFrame, part: number): void {
    const isSame = from.status.view === to.status.view;
    const written = between(isSame ? from.status.logEnd : undefined, to.status.logEnd, part);
    const acknowledged = between(isSame ? from.status.acknowledged : undefined, to.status.acknowledged, part);
    say(this.#written, `${counted(written, 'entry', 'entries')} written\n${sized(to.figures.logBytes)}`);
    say(this.#way, to.status.backups.length === 0 ? 'nobody takes it' : '→');
    say(
      this.#behind,
      `${grouped(acknowledged)} acknowledged\n${counted(to.status.lagEntries, 'entry', 'entries')} not executed by the backup`,
    );
  }
}

function newCard(): Card {
  const root = made('article', { class: 'card' });
  const role = made('h3');
  const pid = made('p', { class: 'pid' });
  const epoch = made('span', { class: 'number' });
  const rest = made('p', { class: 'rest' });
  const pause = made('button', { text: 'Pause …' });
  pause.type = 'button';
  root.append(role, pid, made('p', { class: 'epoch' }, 'epoch ', epoch), rest, made('p', { class: 'press' }, pause));
  return { root, role, pid, epoch, rest, pause };
}
