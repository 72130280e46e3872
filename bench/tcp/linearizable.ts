// Whether a history of clients on one key could have come from a store that does one thing after another (linearizability):
// each operation takes effect at one moment between its call and its answer.
//
// Every way in which it can have come so far is followed at once, from event to event: a way is a value of the key, and which
// of the operations under way have taken effect. An answer leaves the ways in which its operation has, with that answer. With
// few clients at a time there are few ways, however long the history is.

/** What was asked of the key; values are strings, as a store of strings has them. */
export type Asked =
  | { readonly kind: 'get' }
  | { readonly kind: 'set'; readonly value: string }
  | { readonly kind: 'append'; readonly value: string }
  | { readonly kind: 'increment' };

export interface Done {
  readonly asked: Asked;
  /** Of get the value, of append the length, of increment the number, of set OK. */
  readonly answer: string | number | null;
  readonly calledMs: number;
  readonly answeredMs: number;
}

type Value = string | null;

interface Way {
  readonly value: Value;
  /** Operations under way that have taken effect. */
  readonly effective: ReadonlySet<Done>;
}

/** What an operation makes of a value, and answers; undefined: it would have failed. */
function effect(value: Value, asked: Asked): { value: Value; answer: Done['answer'] } | undefined {
  if (asked.kind === 'get') return { value, answer: value };
  if (asked.kind === 'set') return { value: asked.value, answer: 'OK' };
  if (asked.kind === 'append') {
    const appended = `${value ?? ''}${asked.value}`;
    return { value: appended, answer: appended.length };
  }
  const number = Number(value ?? '0') + 1;
  return Number.isSafeInteger(number) ? { value: String(number), answer: number } : undefined;
}

/**
 * Looks at the operations on one key, which does not exist at first. What was called later and answered at the same moment
 * counts as concurrent.
 * @returns the first operation whose answer nothing explains; undefined: there is none
 */
export function unexplained(history: readonly Done[]): Done | undefined {
  const events = history
    .flatMap(done => [
      { ms: done.calledMs, called: true, done },
      { ms: done.answeredMs, called: false, done },
    ])
    .sort((one, other) => one.ms - other.ms || Number(other.called) - Number(one.called));
  const underWay = new Set<Done>();
  let ways: Way[] = [{ value: null, effective: new Set() }];
  for (const { called, done } of events) {
    if (called) {
      underWay.add(done);
      continue;
    }
    ways = waysWith(done, ways, underWay);
    if (ways.length === 0) return done;
    underWay.delete(done);
  }
  return undefined;
}

/** The ways that go on once `done` is answered: it has taken effect in each, perhaps after others that are under way. */
function waysWith(done: Done, ways: readonly Way[], underWay: ReadonlySet<Done>): Way[] {
  const numbers = new Map([...underWay].map((one, number) => [one, number] as const));
  const key = ({ value, effective }: Way) =>
    `${[...effective]
      .map(one => numbers.get(one))
      .sort()
      .join()} ${JSON.stringify(value)}`;
  const seen = new Map(ways.map(way => [key(way), way]));
  const going = new Map<string, Way>();
  // What is added while it goes round is looked at, too.
  for (const way of seen.values()) {
    if (way.effective.has(done)) {
      const effective = new Set([...way.effective].filter(one => one !== done));
      const over = { value: way.value, effective };
      going.set(key(over), over);
      continue;
    }
    for (const next of underWay) {
      if (way.effective.has(next)) continue;
      const made = effect(way.value, next.asked);
      if (made === undefined || made.answer !== next.answer) continue;
      const further = { value: made.value, effective: new Set([...way.effective, next]) };
      if (!seen.has(key(further))) seen.set(key(further), further);
    }
  }
  return [...going.values()];
}
