// What an embedder's process is to the bus: two devices, one for its io functions and one for its calls of a guest's exports.
//
//   device   command                  argument   data                       completion
//   host     k: the k-th io function  0          its arguments              its result (engine/host/host-values.ts)
//   calls    1 take                   0                                     the next call, when there is one
//            2 answer                 0          the call's number, result  0
//
// A take is performed once by its id like any operation, so a call is made once: where the bus knows no ids there are no calls. The
// guest takes the next call when it has answered the last one, and in the order in which they were asked for.

/** The one, where a guest has functions of its embedder's; the other, where its exports are called. */
export const HOST_DEVICE = 0x500;
export const CALLS_DEVICE = 0x501;

/** What the device of calls can be asked for. */
export const CALL_TAKE = 1;
export const CALL_ANSWER = 2;

/** Ids of these operations begin here: those of a kernel, or of a bare guest, stay below. */
export const FIRST_HOST_OPERATION = 1n << 62n;
