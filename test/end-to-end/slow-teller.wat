;; Asks the teller for a note, computes for a while, and only then waits for the completion. A primary that dies while
;; it computes leaves a dispense behind that was performed and that nobody was told of.
(module
  (import "epochvisor" "operation_start" (func $operation_start (param i64 i32 i32 i64 i32 i32) (result i32)))
  (import "epochvisor" "wait" (func $wait))
  (import "epochvisor" "stream_write" (func $stream_write (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "dispensed\n")
  (global $done (mut i32) (i32.const 0))
  (global $uncertain (mut i32) (i32.const 0))

  (func (export "interrupt") (param $kind i32) (param $id i64) (param $status i32)
    (if (i32.eq (local.get $kind) (i32.const 3)) (then (global.set $done (i32.const 1))))
    (if (i32.eq (local.get $kind) (i32.const 4)) (then (global.set $uncertain (i32.const 1)))))

  (func $dispense
    (drop (call $operation_start
      (i64.const 1) (i32.const 0x200) (i32.const 1) (i64.const 100) (i32.const 0) (i32.const 0))))

  (func (export "_start") (local $left i32)
    (call $dispense)
    (local.set $left (i32.const 250000000))
    (loop $compute
      (br_if $compute (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (loop $until_done
      (call $wait)
      (if (global.get $uncertain) (then
        (global.set $uncertain (i32.const 0))
        (call $dispense)))
      (br_if $until_done (i32.eqz (global.get $done))))
    (drop (call $stream_write (i32.const 1) (i32.const 16) (i32.const 10)))))
