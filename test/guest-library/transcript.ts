// The judge of guest/programs/clock-random.ts: could one machine, that never failed, have printed this?

/** FNV-1a, 64 bits. */
export const HASH_START = 0xcbf29ce484222325n;

/** Goes on from `hash` with the eight bytes of `value`, lowest first. */
export function hashValue(hash: bigint, value: bigint): bigint {
  let result = hash;
  for (let shift = 0n; shift < 64n; shift += 8n) {
    result = BigInt.asUintN(64, (result ^ ((value >> shift) & 0xffn)) * 0x100000001b3n);
  }
  return result;
}

/** The first reason why no single machine printed it, or null. The transcript may end anywhere between two lines. */
export function judgeTranscript(stdout: string): string | null {
  if (stdout !== '' && !stdout.endsWith('\n')) return 'the last line is cut off';
  const drawn = new Set<string>();
  let hash = HASH_START;
  let time = 0n;
  for (const [index, line] of stdout.split('\n').slice(0, -1).entries()) {
    const match = /^(\d+) (\d+) ([0-9a-f]{16}) ([0-9a-f]{16})$/.exec(line);
    if (match === null) return `line ${index + 1} is '${line}'`;
    const [, n, clock, random, printed] = match as unknown as [string, string, string, string, string];
    if (n !== String(index + 1)) return `line ${index + 1} says that it is ${n}`;
    if (BigInt(clock) < time) return `line ${n}: the clock went back from ${time} to ${clock}`;
    if (drawn.has(random)) return `line ${n}: ${random} was drawn before`;
    hash = hashValue(hashValue(hashValue(hash, BigInt(n)), BigInt(clock)), BigInt(`0x${random}`));
    if (hash !== BigInt(`0x${printed}`)) return `line ${n}: the hash contradicts what was printed`;
    time = BigInt(clock);
    drawn.add(random);
  }
  return null;
}
