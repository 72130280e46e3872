// Addresses of sockets as users write them: of this host to listen on, of any host to connect to.

/** Where somebody listens. */
export type SocketAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** A socket in the file system. */
  | { readonly kind: 'unix'; readonly path: string };

const TCP = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/;
const PORT_MAX = 65_535;

/** `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`; undefined: it is none. */
export function parseSocketAddress(text: string): SocketAddress | undefined {
  if (text.startsWith('unix:')) return text.length > 5 ? { kind: 'unix', path: text.slice(5) } : undefined;
  const [, ipv6, host = ipv6, port] = TCP.exec(text) ?? [];
  if (host === undefined || Number(port) > PORT_MAX) return undefined;
  return { kind: 'tcp', host, port: Number(port) };
}

export function describeSocketAddress(address: SocketAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** What `net` is to be asked for. */
export function netAddress(address: SocketAddress): { path: string } | { host: string; port: number } {
  return address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
}
