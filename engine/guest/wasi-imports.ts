// The functions of WASI preview 1, with their types in the notation of messages.
//
// From the specification's witx files: pointers, lengths, descriptors, flags and enumerations are i32; offsets, sizes,
// rights, times and cookies i64. All answer an errno but proc_exit.

import '../instance/webassembly.js';

/** Import module of WASI preview 1. */
export const WASI_MODULE = 'wasi_snapshot_preview1';

const ERRNO = ' -> (i32)';

export const WASI_IMPORTS: Readonly<Record<string, string>> = {
  args_get: `(i32, i32)${ERRNO}`,
  args_sizes_get: `(i32, i32)${ERRNO}`,
  environ_get: `(i32, i32)${ERRNO}`,
  environ_sizes_get: `(i32, i32)${ERRNO}`,
  clock_res_get: `(i32, i32)${ERRNO}`,
  clock_time_get: `(i32, i64, i32)${ERRNO}`,
  fd_advise: `(i32, i64, i64, i32)${ERRNO}`,
  fd_allocate: `(i32, i64, i64)${ERRNO}`,
  fd_close: `(i32)${ERRNO}`,
  fd_datasync: `(i32)${ERRNO}`,
  fd_fdstat_get: `(i32, i32)${ERRNO}`,
  fd_fdstat_set_flags: `(i32, i32)${ERRNO}`,
  fd_fdstat_set_rights: `(i32, i64, i64)${ERRNO}`,
  fd_filestat_get: `(i32, i32)${ERRNO}`,
  fd_filestat_set_size: `(i32, i64)${ERRNO}`,
  fd_filestat_set_times: `(i32, i64, i64, i32)${ERRNO}`,
  fd_pread: `(i32, i32, i32, i64, i32)${ERRNO}`,
  fd_prestat_get: `(i32, i32)${ERRNO}`,
  fd_prestat_dir_name: `(i32, i32, i32)${ERRNO}`,
  fd_pwrite: `(i32, i32, i32, i64, i32)${ERRNO}`,
  fd_read: `(i32, i32, i32, i32)${ERRNO}`,
  fd_readdir: `(i32, i32, i32, i64, i32)${ERRNO}`,
  fd_renumber: `(i32, i32)${ERRNO}`,
  fd_seek: `(i32, i64, i32, i32)${ERRNO}`,
  fd_sync: `(i32)${ERRNO}`,
  fd_tell: `(i32, i32)${ERRNO}`,
  fd_write: `(i32, i32, i32, i32)${ERRNO}`,
  path_create_directory: `(i32, i32, i32)${ERRNO}`,
  path_filestat_get: `(i32, i32, i32, i32, i32)${ERRNO}`,
  path_filestat_set_times: `(i32, i32, i32, i32, i64, i64, i32)${ERRNO}`,
  path_link: `(i32, i32, i32, i32, i32, i32, i32)${ERRNO}`,
  path_open: `(i32, i32, i32, i32, i32, i64, i64, i32, i32)${ERRNO}`,
  path_readlink: `(i32, i32, i32, i32, i32, i32)${ERRNO}`,
  path_remove_directory: `(i32, i32, i32)${ERRNO}`,
  path_rename: `(i32, i32, i32, i32, i32, i32)${ERRNO}`,
  path_symlink: `(i32, i32, i32, i32, i32)${ERRNO}`,
  path_unlink_file: `(i32, i32, i32)${ERRNO}`,
  poll_oneoff: `(i32, i32, i32, i32)${ERRNO}`,
  proc_exit: '(i32) -> ()',
  proc_raise: `(i32)${ERRNO}`,
  random_get: `(i32, i32)${ERRNO}`,
  sched_yield: `()${ERRNO}`,
  sock_accept: `(i32, i32, i32)${ERRNO}`,
  sock_recv: `(i32, i32, i32, i32, i32, i32)${ERRNO}`,
  sock_send: `(i32, i32, i32, i32, i32)${ERRNO}`,
  sock_shutdown: `(i32, i32)${ERRNO}`,
};

/** Import module of wasi-threads: one function, by which a program asks for another thread. */
export const WASI_THREADS_MODULE = 'wasi';

export const WASI_THREADS_IMPORTS: Readonly<Record<string, string>> = { 'thread-spawn': '(i32) -> (i32)' };

/** What that module has: a trap with a name, the same at the same instruction everywhere. */
export const WASI_THREADS = {
  'thread-spawn': (): never => {
    throw new WebAssembly.RuntimeError('a second thread was asked for, which two machines would not interleave alike');
  },
};
