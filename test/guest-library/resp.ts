// RESP2 as a client sees it: requests into bytes, answers out of them.

/** A status or an error with its sign, a number, text, null, or an array of these. */
export type Answer = string | number | null | Answer[];

/** A request, as an array of bulk strings in latin1. */
export function request(...words: readonly (string | number)[]): string {
  return [`*${words.length}\r\n`, ...words.map(word => `$${String(word).length}\r\n${word}\r\n`)].join('');
}

/** All answers in `bytes` (latin1), which end with the last. Text has a `"` before it, so that it is never a status. */
export function answersIn(bytes: string): Answer[] {
  let at = 0;
  const line = (): string => {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) throw new Error(`an answer is cut: ${JSON.stringify(bytes.slice(at, at + 100))}`);
    const text = bytes.slice(at, end);
    at = end + 2;
    return text;
  };
  const next = (): Answer => {
    const header = line();
    const length = Number(header.slice(1));
    if (header[0] === ':') return length;
    if (header[0] === '+' || header[0] === '-') return header;
    if (length < 0) return null;
    if (header[0] === '*') return Array.from({ length }, next);
    if (header[0] !== '$') throw new Error(`no answer: ${JSON.stringify(header)}`);
    const text = bytes.slice(at, at + length);
    if (bytes.slice(at + length, at + length + 2) !== '\r\n') throw new Error('an answer does not end where it says');
    at += length + 2;
    return `"${text}`;
  };
  const answers: Answer[] = [];
  while (at < bytes.length) answers.push(next());
  return answers;
}
