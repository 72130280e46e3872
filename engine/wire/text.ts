// UTF-8 by the Encoding standard: globals that every host has, and the types of the pure folders have not.

interface Encoding {
  readonly TextEncoder: new () => { encode(text: string): Uint8Array<ArrayBuffer> };
  readonly TextDecoder: new (
    label?: string,
    options?: { fatal?: boolean; ignoreBOM?: boolean },
  ) => {
    decode(bytes: Uint8Array): string;
  };
}

export const { TextEncoder, TextDecoder } = globalThis as unknown as Encoding;
