// Figures in words, as the page has them: three digits and a unit, times since, counts with thousands apart.

const UNITS = ['', ' k', ' M', ' G', ' T'];
const SIZES = [' bytes', ' KiB', ' MiB', ' GiB', ' TiB'];

/** 1,234,567. */
export function grouped(value: number): string {
  return Math.floor(value).toLocaleString('en-US');
}

/** 0, 999, 12.3 M. */
export function scaled(value: number): string {
  return digits(value, 1000, UNITS);
}

/** 17 bytes, 1.50 MiB. */
export function sized(bytes: number): string {
  return digits(bytes, 1024, SIZES);
}

function digits(value: number, step: number, units: readonly string[]): string {
  let [rest, at] = [value, 0];
  while (rest >= step && at < units.length - 1) {
    rest /= step;
    at += 1;
  }
  const text = at === 0 || rest >= 100 ? rest.toFixed(0) : rest.toFixed(rest >= 10 ? 1 : 2);
  return `${text}${units[at]}`;
}

/** 0.42 ms, 17 ms, 1.2 s. */
export function lasted(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms < 10 && !Number.isInteger(ms) ? ms.toFixed(2) : ms.toFixed(0)} ms`;
}

export function counted(count: number, one: string, several = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : several}`;
}
