// The sources of connections, as guests and bus number them, and what a connector says of a connection that it has made.

/** The k-th address that is listened on is stream FIRST_LISTENING + k. */
export const FIRST_LISTENING = 0x40;

/** The k-th address that the guest may connect to is source FIRST_CONNECTING + k. */
export const FIRST_CONNECTING = 0x80;

/** Of each; further ones would run into numbers that mean something else. */
export const SOURCES_MAX = 64;

/** What is said with a connection that was made for `operation`: its id, 8 bytes, little-endian. */
export function madeFor(operation: bigint): Uint8Array {
  const data = new Uint8Array(8);
  new DataView(data.buffer).setBigUint64(0, operation, true);
  return data;
}

export function operationOf(data: Uint8Array): bigint {
  return new DataView(data.buffer, data.byteOffset, data.byteLength).getBigUint64(0, true);
}
