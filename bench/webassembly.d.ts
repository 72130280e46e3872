// The WebAssembly API is typed only in the DOM library.
/// <reference lib="dom" />
