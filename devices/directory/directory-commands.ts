// What a directory can be asked for: the image of a folder, once, and changes of it after that.
//
//   command    argument          data                             status
//   1 load     chunk, from 0     -                                bytes of that chunk of the image, 0 after the last
//   2 change   -                 engine/wasi/mutation.ts          0
//
// Only the kernel of a WASI program asks: bare guests do not see directories. The layout of the image is that of
// engine/wasi/image.ts.

/** Directory k (the k-th --dir) is FIRST_DIRECTORY + k. */
export const FIRST_DIRECTORY = 0x300;

export const DIRECTORY_LOAD = 1;
export const DIRECTORY_CHANGE = 2;

/** Bytes of a chunk of the image, and of one write to a file, at most. */
export const CHUNK_BYTES_MAX = 1 << 20;

/** Statuses are Linux's error numbers, negative. */
export const ERROR_NUMBER_MAX = 4095;
