// How the page of a failover test looks: colours for light and dark, and the style sheet, filters included.
//
// Filters are style alone: a row is hidden while the box of its verdict, kind or variant is not checked. No script is needed, so the
// page allows none; a browser without `:has` shows every row, and no boxes.

/** Each is told from the background by a contrast of 4.5 and more (WCAG AA), which a test computes. */
export const COLOURS = {
  light: {
    background: '#ffffff',
    raised: '#f6f8fa',
    line: '#c9d1d9',
    text: '#1b1f24',
    muted: '#57606a',
    good: '#116329',
    weak: '#7d4e00',
    bad: '#b3261e',
    message: '#0550ae',
    step: '#6639ba',
  },
  dark: {
    background: '#0d1117',
    raised: '#161b22',
    line: '#3d444d',
    text: '#e6edf3',
    muted: '#9aa4af',
    good: '#56d364',
    weak: '#e3b341',
    bad: '#ff7b72',
    message: '#79c0ff',
    step: '#d2a8ff',
  },
} as const;

function variables(colours: Readonly<Record<string, string>>): string {
  return Object.entries(colours)
    .map(([name, value]) => `--${name}:${value}`)
    .join(';');
}

/** What can be chosen: the class of its rows, and the id of its box. */
export interface Filter {
  readonly rows: string;
  readonly box: string;
}

export function styleSheet(filters: readonly Filter[]): string {
  const chosen = filters.map(({ rows, box }) => `body:has(#${box}:not(:checked)) tr.${rows}{display:none}`);
  return `:root{color-scheme:light dark;${variables(COLOURS.light)}}
@media (prefers-color-scheme:dark){:root{${variables(COLOURS.dark)}}}
${REST}
${chosen.join('\n')}
`;
}

const REST = `
*{box-sizing:border-box}
body{margin:0;background:var(--background);color:var(--text);font:15px/1.5 system-ui,"DejaVu Sans",Verdana,sans-serif}
main{max-width:1280px;margin:0 auto;padding:24px 20px 60px}
h1{font-size:26px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:19px;margin:38px 0 10px}
h3{font-size:16px;margin:0 0 8px}
h3.strip-name{font-size:14px;font-weight:400;margin:18px 0 5px}
p{margin:6px 0 12px;max-width:80ch}
a{color:var(--message)}
:focus-visible{outline:2px solid var(--message);outline-offset:2px}
.muted{color:var(--muted)}
.good{color:var(--good)}.weak{color:var(--weak)}.bad{color:var(--bad)}
.verdict{font-weight:600;white-space:nowrap}
.mono,pre,code{font-family:ui-monospace,"DejaVu Sans Mono",Consolas,monospace;font-size:13px}
pre{background:var(--raised);border:1px solid var(--line);border-radius:6px;padding:9px 12px;margin:6px 0 12px;
white-space:pre-wrap;overflow-wrap:anywhere}
.command{user-select:all}
.scrolled{overflow-x:auto}
table{border-collapse:collapse;font-size:13.5px}
th,td{padding:4px 10px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;color:var(--muted)}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.points{width:100%}
.points td{white-space:nowrap}
.points td.mono{white-space:normal;overflow-wrap:normal}
.points td:last-child{white-space:normal;overflow-wrap:anywhere}
.points td:last-child{min-width:150px}
.points tbody tr:hover{background:var(--raised)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:3px 16px;margin:0;font-size:14px}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(330px,1fr));gap:14px 36px}
.strip{display:block;width:100%;height:30px;background:var(--raised);border:1px solid var(--line);border-radius:4px}
.strip path{fill:none;stroke-width:1.6}
.strip .good{stroke:var(--good);opacity:.75}.strip .weak{stroke:var(--weak)}.strip .bad{stroke:var(--bad);stroke-width:3}
.point{border:1px solid var(--line);border-radius:8px;padding:14px 16px;margin:0 0 16px}
.point.failure{border-left:5px solid var(--bad)}
.point:target{outline:2px solid var(--message)}
.point h4{margin:14px 0 4px;font-size:13px;color:var(--muted);font-weight:600}
details summary{cursor:pointer;padding:3px 0;color:var(--message)}
form.filters{display:none;flex-wrap:wrap;gap:8px 18px;margin:0 0 12px}
@supports selector(:has(*)){form.filters{display:flex}}
fieldset{border:1px solid var(--line);border-radius:6px;padding:2px 12px 6px;margin:0}
legend{color:var(--muted);font-size:13px;padding:0 4px}
label{margin-right:12px;white-space:nowrap;font-size:14px}
.timed ol{font-size:13px;columns:2 420px;column-gap:36px}
.timeline{display:block;font:12px system-ui,"DejaVu Sans",Verdana,sans-serif}
.timeline text{fill:var(--text);paint-order:stroke;stroke:var(--background);stroke-width:3px;stroke-linejoin:round}
.timeline .lane-name{font-size:13px;font-weight:600}
.timeline .time,.timeline .gap,.timeline .epoch{fill:var(--muted);font-size:11px}
.timeline path,.timeline circle{fill:none}
.timeline .lane{stroke:var(--muted);stroke-width:1.2}
.timeline .lane.in-charge{stroke-width:4}
.timeline .lane.dead{stroke:var(--line);stroke-dasharray:2 5}
.timeline .arrow{stroke:var(--message);stroke-width:1.4}
.timeline .arrow.lost{stroke:var(--bad);stroke-dasharray:5 4}
.timeline .arrow.output{stroke:var(--good);stroke-width:2}
.timeline .arrow.bus{stroke:var(--muted)}
.timeline .dot{fill:var(--text)}
.timeline .step{fill:var(--background);stroke:var(--step);stroke-width:2}
.timeline .tick{stroke:var(--text);stroke-width:2}
.timeline .label.message{fill:var(--message)}
.timeline .label.output{fill:var(--good)}
.timeline .label.bus{fill:var(--muted)}
.timeline .label.takeover,.timeline .label.join{fill:var(--step);font-weight:600}
.timeline .label.strike{fill:var(--bad);font-weight:700}
.timeline .label.view{fill:var(--step)}
.timeline .view:not(text){stroke:var(--step);stroke-dasharray:1 4}
.timeline .struck{stroke:var(--bad);stroke-dasharray:4 3}
.timeline .cross{stroke:var(--bad);stroke-width:3}
@media print{form.filters{display:none}.point{break-inside:avoid-page}}
`.trim();
