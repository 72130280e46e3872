// A machine that works for as long as a test wants: the guest `mill`, fed with lines until the test has seen enough.

import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { type Bench, guest, type Watched } from './command.js';

const ARGUMENTS = ['600', '2'];
const DISK_BYTES = 1 << 16;
/** Lines given and not answered: it never runs dry, and is not far behind when the input ends. */
const WINDOW_LINES = 8;
const FEED_EVERY_MS = 5;

export class Milling {
  readonly machine: Watched;
  readonly #bench: Bench;
  readonly #feeding: NodeJS.Timeout;
  #lines = 0;

  /** @param file the guest, as `run` is to be given it */
  constructor(bench: Bench, flags: readonly string[] = [], file = guest('mill')) {
    this.#bench = bench;
    const devices = ['--disk', this.#disk('disk'), '--teller', bench.file('teller')];
    this.machine = bench.startWatched([...flags, ...devices, file, ...ARGUMENTS], 'pipe');
    this.#feeding = setInterval(() => this.#feed(), FEED_EVERY_MS);
  }

  #disk(name: string): string {
    writeFileSync(this.#bench.file(name), '');
    truncateSync(this.#bench.file(name), DISK_BYTES);
    return this.#bench.file(name);
  }

  #feed(): void {
    const answered = this.machine.command.stdout.split('\n').length - 1;
    while (this.#lines < answered + WINDOW_LINES) {
      this.#lines += 1;
      this.machine.command.write(`line ${this.#lines}\n`);
    }
  }

  /** No more lines: for a machine that is lost. */
  stop(): void {
    clearInterval(this.#feeding);
  }

  /** Ends the input, waits for the end, and compares all that is outside with what the plain machine leaves there. */
  async endsLikeThePlainMachine(): Promise<void> {
    this.stop();
    const input = Array.from({ length: this.#lines }, (_, number) => `line ${number + 1}\n`).join('');
    this.machine.command.endInput();
    const { status, stdout } = await this.machine.command.ended;
    const plain = this.#bench.startPlain(['--disk', this.#disk('plain-disk'), guest('mill'), ...ARGUMENTS], 'pipe');
    plain.write(input);
    plain.endInput();
    const expected = await plain.ended;
    expect(stdout).toBe(expected.stdout);
    expect(status).toBe(0);
    const [disk, plainDisk] = ['disk', 'plain-disk'].map(name => readFileSync(this.#bench.file(name)));
    expect(disk!.equals(plainDisk!)).toBe(true);
    // A note for each line, and none twice.
    expect(readFileSync(this.#bench.file('teller'), 'utf8').split('\n')).toHaveLength(this.#lines + 1);
  }
}
