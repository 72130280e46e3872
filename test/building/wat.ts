// Modules from the text format, by the WebAssembly Binary Toolkit of npm's wabt.

import initialise from 'wabt';

const toolkit = await initialise();

type Features = NonNullable<Parameters<typeof toolkit.parseWat>[2]>;

/** Said in full, for what the toolkit takes as given changes from one version to the next. */
const WEBASSEMBLY_2: Features = {
  mutable_globals: true,
  sat_float_to_int: true,
  sign_extension: true,
  simd: true,
  multi_value: true,
  bulk_memory: true,
  reference_types: true,
};

/** What our tests want besides. */
const BESIDES: Features = { tail_call: true, threads: true, exceptions: true, relaxed_simd: true };

/** The binary of a module in text format, names included. Throws where the text is malformed or invalid. */
export function wat(text: string): Uint8Array<ArrayBuffer> {
  return assemble(Buffer.from(text), { ...WEBASSEMBLY_2, ...BESIDES }, true);
}

/** The binary of a module, which need not be valid, of WebAssembly 2.0 with what our tests want besides. Throws where the text is malformed. */
export function watUnchecked(text: Uint8Array): Uint8Array<ArrayBuffer> {
  return assemble(text, { ...WEBASSEMBLY_2, ...BESIDES }, false);
}

function assemble(text: Uint8Array, features: Features, checked: boolean): Uint8Array<ArrayBuffer> {
  // Copied, for the toolkit takes all of the buffer that a view looks at.
  const module = toolkit.parseWat('module.wat', new Uint8Array(text), features);
  try {
    // The declarations of npm's wabt do not say that it takes features, too.
    if (checked) (module.validate as (features: Features) => void).call(module, features);
    // Copied: the answer lies in the toolkit's own memory, which the next module takes.
    return new Uint8Array(module.toBinary({ write_debug_names: checked }).buffer);
  } finally {
    module.destroy();
  }
}
