// AssemblyScript: parses and prints JSON-like text with the language's own strings, arrays, maps and allocator.

function render(seed: i32, depth: i32): string {
  if (depth === 0) return seed % 3 === 0 ? '"' + seed.toString(16) + '"' : (seed * 7919).toString();
  const parts: string[] = [];
  for (let i = 0; i < 3; i++) parts.push('"k' + (seed + i).toString() + '":' + render(seed * 3 + i, depth - 1));
  return '{' + parts.join(',') + '}';
}

function tokens(text: string): Map<string, i32> {
  const counts = new Map<string, i32>();
  let at = 0;
  while (at < text.length) {
    const start = at;
    const code = text.charCodeAt(at++);
    if (code === 34) {
      while (text.charCodeAt(at) !== 34) at++;
      at++;
    } else if (code >= 48 && code <= 57) {
      while (at < text.length && text.charCodeAt(at) >= 48 && text.charCodeAt(at) <= 57) at++;
    }
    const token = text.substring(start, at);
    counts.set(token, counts.has(token) ? counts.get(token) + 1 : 1);
  }
  return counts;
}

export function run(n: i32): i32 {
  let sum = 0;
  for (let round = 0; round < n; round++) {
    const counts = tokens(render(round + 1, 6));
    const values = counts.values();
    for (let i = 0; i < values.length; i++) sum = sum * 31 + values[i];
  }
  return sum;
}
