// Listening streams as guests and bus number them, and the addresses behind them as users write them.

/** The k-th address that is listened on is stream FIRST_LISTENING + k. */
export const FIRST_LISTENING = 0x40;
/** Further ones would run into numbers that mean something else. */
export const LISTENING_MAX = 64;

/** Where somebody listens. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** A socket in the file system. */
  | { readonly kind: 'unix'; readonly path: string };

const TCP = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/;
const PORT_MAX = 65_535;

/** `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`; undefined: it is none. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  if (text.startsWith('unix:')) return text.length > 5 ? { kind: 'unix', path: text.slice(5) } : undefined;
  const [, ipv6, host = ipv6, port] = TCP.exec(text) ?? [];
  if (host === undefined || Number(port) > PORT_MAX) return undefined;
  return { kind: 'tcp', host, port: Number(port) };
}

export function describeListenAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
