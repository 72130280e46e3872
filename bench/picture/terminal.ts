// What a terminal showed, and when, as an SVG that shows it again: without a script, and at once for who wants no motion.

/** What was written at a time, ms since the start; lines end by `\n`. */
export interface Piece {
  readonly atMs: number;
  readonly text: string;
}

const COLUMN_PX = 8.4;
const ROW_PX = 20;
const MARGIN_PX = 20;
const LEAST_COLUMNS = 80;
/** Rows that have a colour of their own. */
const CLASSES: readonly (readonly [RegExp, string])[] = [
  [/^ {2}SIGKILL/, 'killed'],
  [/^ {2}TAKEOVER/, 'taken'],
  [/^=> /, 'answer'],
];

const STYLE = `
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #d8dee9; white-space: pre; }
.killed { fill: #ff7b72; } .taken { fill: #7ee787; } .answer { fill: #a5d6ff; }
text { opacity: 0; animation: shown 1ms linear forwards; }
@keyframes shown { to { opacity: 1; } }
@media (prefers-reduced-motion: reduce) { text { opacity: 1; animation: none; } }
`;

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** A run of characters of one row, written at one time. */
interface Run {
  readonly row: number;
  readonly column: number;
  readonly text: string;
  readonly atMs: number;
}

/** @param pieces in the order of their times */
export function drawTerminal(pieces: readonly Piece[]): string {
  const runs: Run[] = [];
  const rows = [''];
  for (const { atMs, text } of pieces) {
    text.split('\n').forEach((part, index) => {
      if (index > 0) rows.push('');
      const row = rows.length - 1;
      if (part !== '') runs.push({ row, column: rows[row]!.length, text: part, atMs });
      rows[row] += part;
    });
  }
  const columns = Math.max(LEAST_COLUMNS, ...rows.map(row => row.length));
  const width = 2 * MARGIN_PX + columns * COLUMN_PX;
  const height = 2 * MARGIN_PX + rows.length * ROW_PX;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width.toFixed(0)} ${height}" role="img">
<title>A Ruby prompt on two processes: after each answer the one that gave it is killed, and the variables are still there</title>
<style>${STYLE}</style>
<rect width="100%" height="100%" rx="8" fill="#161b22"/>
${runs.map(run => drawn(run, rows[run.row]!)).join('\n')}
</svg>
`;
}

function drawn({ row, column, text, atMs }: Run, whole: string): string {
  const name = CLASSES.find(([pattern]) => pattern.test(whole))?.[1];
  const x = (MARGIN_PX + column * COLUMN_PX).toFixed(1);
  const y = MARGIN_PX + row * ROW_PX + 15;
  const length = (text.length * COLUMN_PX).toFixed(1);
  const kind = name === undefined ? '' : ` class="${name}"`;
  return `<text${kind} x="${x}" y="${y}" textLength="${length}" style="animation-delay:${atMs.toFixed(0)}ms">${escaped(text)}</text>`;
}
