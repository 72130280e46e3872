// What a user can do to the machine from its page: each is asked for in a dialog before it is done.

import { byId, made, say } from './elements.js';
import type { PageFrame, PageOrder } from './page-frame.js';

interface Question {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
  readonly order: PageOrder;
}

export class Orders {
  readonly #dialog = byId<HTMLDialogElement>('ask');
  readonly #failover = byId<HTMLButtonElement>('failover');
  readonly #restart = byId<HTMLButtonElement>('restart');
  readonly #stopped = byId('stopped');
  readonly #answer = byId('answer');
  readonly #send: (order: PageOrder) => boolean;
  #question: Question | undefined;
  #frame: PageFrame | undefined;

  /** @param send false: nobody hears it */
  constructor(send: (order: PageOrder) => boolean) {
    this.#send = send;
    this.#failover.onclick = () => this.#askFailover();
    this.#restart.onclick = () => this.#askRestart();
    // A key that is held down since the button was pressed is no answer.
    this.#dialog.addEventListener('keydown', event => {
      if (event.repeat && event.key === 'Enter') event.preventDefault();
    });
    this.#dialog.addEventListener('close', () => {
      if (this.#dialog.returnValue === 'yes') this.#go();
      this.#question = undefined;
    });
    this.can(undefined, false);
  }

  /** @param repairs whether a replacement is started for a replica that dies */
  can(frame: PageFrame | undefined, repairs: boolean): void {
    this.#frame = frame;
    const isProtected = frame?.status.protected ?? false;
    // What is refused for a moment keeps the focus of the keyboard, and says why when it is pressed.
    for (const button of [this.#failover, this.#restart]) button.disabled = frame === undefined;
    this.#failover.ariaDisabled = String(!isProtected);
    this.#restart.ariaDisabled = String(!isProtected || !repairs);
    this.#offerResuming(frame);
    this.#restart.title = repairs ? '' : 'It was started without repair: no other would join';
  }

  /** Who was paused and then left out has no card any more, and goes on only if it is told to. */
  #offerResuming(frame: PageFrame | undefined): void {
    const named = new Set(frame?.status.replicas.map(({ incarnation }) => incarnation));
    const left = frame?.paused.filter(({ incarnation }) => !named.has(incarnation)) ?? [];
    const pids = left.map(({ pid }) => pid).join();
    if (pids === this.#stopped.dataset.pids) return;
    this.#stopped.dataset.pids = pids;
    const buttons = left.map(({ incarnation, pid }) => {
      const button = made('button', { text: `Resume process ${pid}` });
      button.type = 'button';
      button.onclick = () => this.askPause(incarnation, '', pid, true);
      return button;
    });
    this.#stopped.replaceChildren(...buttons);
  }

  answered(done: boolean, text: string): void {
    say(this.#answer, text);
    this.#answer.dataset.state = done ? 'done' : 'refused';
  }

  /** The machine has ended, or can't be reached: what is asked can't be done. */
  close(): void {
    this.can(undefined, false);
    if (this.#dialog.open) this.#dialog.close('no');
  }

  askPause(incarnation: string, role: string, pid: number, paused: boolean): void {
    if (paused) {
      this.#ask({
        title: 'Resume it?',
        text: `Process ${pid} goes on (SIGCONT). If another replica has taken its place meanwhile, it finds that out, and ends.`,
        yes: 'Resume',
        order: { order: 'resume', incarnation },
      });
      return;
    }
    const what =
      role === 'primary'
        ? 'The backup suspects it after some silence, and takes over'
        : 'The primary suspects it after some silence, and goes on without it';
    this.#ask({
      title: `Pause the ${role}?`,
      text: `Process ${pid} is stopped where it stands (SIGSTOP). ${what}; then another joins.`,
      yes: 'Pause',
      order: { order: 'pause', incarnation },
    });
  }

  /** @returns whether it may be asked for */
  #may(button: HTMLButtonElement): boolean {
    if (button.ariaDisabled !== 'true') return true;
    const reason = this.#frame?.status.reason ?? '';
    this.answered(
      false,
      reason === '' ? button.title : `The machine is not protected (${reason}): it is no time for that.`,
    );
    return false;
  }

  #askFailover(): void {
    if (!this.#may(this.#failover)) return;
    const pid = this.#frame?.status.primary.pid ?? 0;
    this.#ask({
      title: 'Test Failover?',
      text: `The primary, process ${pid}, is killed (SIGKILL). The backup takes over, and a new one joins. Nothing is lost.`,
      yes: 'Kill the primary',
      order: { order: 'failover' },
    });
  }

  #askRestart(): void {
    if (!this.#may(this.#restart)) return;
    const pid = this.#frame?.status.backups[0]?.pid ?? 0;
    this.#ask({
      title: 'Restart Secondary?',
      text: `The backup, process ${pid}, is killed (SIGKILL), and a new one joins. Until then the machine is not protected.`,
      yes: 'Kill the backup',
      order: { order: 'restart' },
    });
  }

  #ask(question: Question): void {
    this.#question = question;
    say(byId('ask-title'), question.title);
    say(byId('ask-text'), question.text);
    say(byId('ask-yes'), question.yes);
    this.#dialog.returnValue = 'no';
    this.#dialog.showModal();
    byId('ask-yes').focus();
  }

  #go(): void {
    if (this.#question === undefined) return;
    if (!this.#send(this.#question.order)) this.answered(false, 'Nobody hears it: the machine is not connected.');
  }
}
