// The figures in what a bench prints: every number that fills a cell of a table, by the section, row and column it stands in.

const NUMBER = /^\**(-?[\d,]+(?:\.\d+)?)\**$/;
const cellsOf = (line: string) =>
  line
    .slice(1, -1)
    .split('|')
    .map(cell => cell.trim());

/** In the order in which they are printed; of two that stand in the same place the first counts. */
export function figuresOf(printed: string): Map<string, number> {
  const figures = new Map<string, number>();
  let section = '';
  let heads: string[] | undefined;
  for (const line of printed.split('\n')) {
    if (line.startsWith('## ')) section = `${line.slice(3)}: `;
    if (!line.startsWith('|')) {
      heads = undefined;
      continue;
    }
    const cells = cellsOf(line);
    if (heads === undefined) {
      heads = cells;
      continue;
    }
    const row = cells.filter(cell => !NUMBER.test(cell) && cell !== '').join(', ');
    cells.forEach((cell, column) => {
      const found = NUMBER.exec(cell)?.[1];
      const place = `${section}${row}, ${heads![column]}`.replaceAll('**', '');
      if (found !== undefined && !figures.has(place)) figures.set(place, Number(found.replaceAll(',', '')));
    });
  }
  return figures;
}
