;; Exceptions in the legacy form: ours, not of the WebAssembly test suite.

(module
  (type $thrower (func (param i32)))
  (tag $none (export "none"))
  (tag $number (param i32))
  (tag $mixed (param i64 f32 i32 f64 i32))
  (tag $vector (param v128 i32))
  (tag $references (param externref funcref i32))
  (memory 1)
  (table funcref (elem $throw-number $throw-none $quiet))
  (global $log (mut i32) (i32.const 0))

  (func $note (param i32) (global.set $log (i32.add (i32.mul (global.get $log) (i32.const 10)) (local.get 0))))
  (func (export "log") (result i32) (global.get $log) (global.set $log (i32.const 0)))

  (func $throw-number (param i32) (throw $number (local.get 0)))
  (func $throw-none (param i32) (throw $none))
  (func $quiet (param i32))
  (func $throw-mixed (param i32)
    (throw $mixed (i64.const -5) (f32.const 1.5) (local.get 0) (f64.const -0.25) (i32.const 9)))

  ;; Thrown where it is caught, and by a call, a call by table, a call that returns more than one value.
  (func (export "here") (param i32) (result i32)
    try (result i32) local.get 0 throw $number catch $number i32.const 100 i32.add end)
  (func (export "by-call") (param i32) (result i32)
    try (result i32) (call $throw-number (local.get 0)) i32.const 1 catch $number i32.const 100 i32.add end)
  (func (export "by-table") (param i32) (result i32)
    try (result i32)
      i32.const 7 local.get 0 call_indirect (type $thrower) i32.const 1
    catch $number
      i32.const 100 i32.add
    catch $none
      i32.const 200
    end)
  (func $several (param i32) (result i64 f64 i32)
    (if (local.get 0) (then (call $throw-mixed (local.get 0))))
    i64.const 1 f64.const 2 i32.const 3)
  (func (export "by-several") (param i32) (result i32)
    (local $last i32)
    i32.const 1000
    try (result i64 f64 i32)
      local.get 0 call $several
    catch $mixed
      local.set $last
      drop drop drop drop
      i64.const 4 f64.const 5 local.get $last
    end
    local.set $last
    drop drop
    local.get $last
    i32.add)

  ;; What is carried comes out as it went in.
  (func (export "mixed") (param i32) (result i64 f32 i32 f64 i32)
    try (result i64 f32 i32 f64 i32)
      (call $throw-mixed (local.get 0)) unreachable
    catch $mixed
    end)
  (func (export "vector") (result i64)
    try (result v128 i32)
      (throw $vector (v128.const i64x2 1 77) (i32.const 1))
    catch $vector
    end
    drop i64x2.extract_lane 1)
  (func (export "references") (param externref) (result externref i32)
    try (result externref funcref i32)
      (throw $references (local.get 0) (ref.func $quiet) (i32.const 4))
    catch $references
    end
    global.set $log
    ref.is_null
    global.get $log
    i32.add)

  ;; The operands below a try are still there, and locals are as the throw found them.
  (func (export "operands") (param i32) (result i32)
    (local $seen i32)
    i32.const 40
    i32.const 2
    try (param i32) (result i32)
      (local.set $seen (i32.const 5))
      (call $throw-number (local.get 0))
      (local.set $seen (i32.const 1000))
    catch $number
      local.get $seen
      i32.add
    end
    i32.add)

  ;; Handlers: the first that fits, then those around; rethrow; nested ones.
  (func (export "first-fits") (param i32) (result i32)
    try (result i32)
      try (result i32)
        local.get 0 i32.eqz if throw $none end
        (call $throw-mixed (local.get 0)) i32.const 0
      catch $none
        i32.const 1
      catch $number
        drop i32.const 2
      end
    catch $number
      drop i32.const 3
    catch_all
      i32.const 4
    end)
  (func (export "rethrow") (param i32) (result i32)
    try (result i32)
      try (result i32)
        (call $throw-number (local.get 0)) i32.const 0
      catch_all
        (call $note (i32.const 1))
        rethrow 0
      end
    catch $number
      (call $note (i32.const 2))
    end)
  ;; The handler throws and catches another exception before it throws its own again.
  (func (export "rethrow-after-another") (param i32) (result i32)
    try (result i32)
      try
        (call $throw-number (local.get 0))
      catch_all
        try
          (call $throw-number (i32.const 999))
        catch $number
          drop
          try (call $throw-none (i32.const 0)) catch_all end
        end
        rethrow 0
      end
      i32.const 0
    catch $number
    end)
  (func (export "rethrow-outer") (param i32) (result i32)
    try (result i32)
      try (result i32)
        (call $throw-number (local.get 0)) i32.const 0
      catch $number
        try (param i32) (result i32)
          drop (call $throw-number (i32.const 1)) i32.const 0
        catch $number
          drop rethrow 1
        end
      end
    catch $number
      i32.const 1000 i32.add
    end)
  (func (export "thrown-in-handler") (param i32) (result i32)
    try (result i32)
      try (result i32)
        (call $throw-number (local.get 0)) i32.const 0
      catch $number
        i32.const 1 i32.add throw $number
      end
    catch $number
    end)

  ;; Delegation: past the handlers between, to the caller, past a handler in which it stands.
  (func (export "delegate") (param i32) (result i32)
    try $outer (result i32)
      try (result i32)
        try (result i32)
          (call $throw-number (local.get 0)) i32.const 0
        delegate $outer
      catch $number
        drop i32.const -1
      end
    catch $number
      i32.const 1 i32.add
    end)
  (func $to-caller (param i32) (result i32)
    try (result i32)
      try (result i32) (call $throw-number (local.get 0)) i32.const 0 delegate 1
    catch_all
      i32.const -1
    end)
  (func (export "delegate-to-caller") (param i32) (result i32)
    try (result i32) (call $to-caller (local.get 0)) catch $number i32.const 2 i32.add end)
  (func (export "delegate-from-handler") (param i32) (result i32)
    try (result i32)
      try (result i32)
        throw $none
      catch $none
        try (result i32) (call $throw-number (local.get 0)) i32.const 0 delegate 0
      catch_all
        i32.const -1
      end
    catch $number
      i32.const 3 i32.add
    end)

  ;; Loops: a throw in each turn; a way back out of a handler.
  (func (export "loop") (param i32) (result i32)
    (local $sum i32)
    loop $again
      try
        (call $throw-number (local.get 0))
      catch $number
        local.get $sum i32.add local.set $sum
        local.get 0 i32.const 1 i32.sub local.tee 0
        br_if $again
      end
    end
    local.get $sum)
  (func (export "retry") (result i32)
    (local $tries i32)
    try $t (result i32)
      loop $again (result i32)
        try (result i32)
          (local.set $tries (i32.add (local.get $tries) (i32.const 1)))
          (if (i32.lt_u (local.get $tries) (i32.const 5)) (then (call $throw-none (i32.const 0))))
          local.get $tries
        catch $none
          br $again
        end
      end
    catch_all
      i32.const -1
    end)

  ;; As deep as a stack goes, and back at once; then just as deep again.
  (func $dive (param i32)
    (if (i32.eqz (local.get 0)) (then (throw $number (i32.const 17))))
    (call $dive (i32.sub (local.get 0) (i32.const 1)))
    (call $note (i32.const 1)))
  (func (export "dive") (param i32) (result i32)
    (local $turns i32)
    (local.set $turns (i32.const 20))
    loop $again (result i32)
      try (result i32)
        (call $dive (local.get 0)) i32.const 0
      catch $number
      end
      (local.set $turns (i32.sub (local.get $turns) (i32.const 1)))
      global.set $log
      local.get $turns
      br_if $again
      global.get $log
    end)
  ;; Each frame cleans up and throws again.
  (func $unwind (param i32)
    try
      (if (i32.eqz (local.get 0)) (then (throw $mixed (i64.const 1) (f32.const 2) (i32.const 3) (f64.const 4) (i32.const 5))))
      (call $unwind (i32.sub (local.get 0) (i32.const 1)))
    catch_all
      (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
      rethrow 0
    end)
  (func (export "unwind") (param i32) (result i32 i32)
    (i32.store (i32.const 0) (i32.const 0))
    try (result i32)
      (call $unwind (local.get 0)) i32.const 0
    catch $mixed
      global.set $log
      drop drop drop drop
      global.get $log
    end
    (i32.load (i32.const 0)))

  ;; A tail call leaves the try that it stands in.
  (func (export "tail") (param i32) (result i32)
    try (result i32) (call $tail (local.get 0)) catch $number i32.const 5 i32.add end)
  (func $tail (param i32) (result i32)
    try (result i32) (return_call $tail-target (local.get 0)) catch_all i32.const -1 end)
  (func $tail-target (param i32) (result i32) (call $throw-number (local.get 0)) i32.const 0)

  ;; No handler sees a trap; what nobody catches is one.
  (func (export "trap") (result i32)
    try (result i32) (i32.div_u (i32.const 1) (i32.load (i32.const 100))) catch_all i32.const 1 end)
  (func $deep (call $deep) (call $note (i32.const 1)))
  (func (export "too-deep") (result i32) try (result i32) (call $deep) i32.const 0 catch_all i32.const 1 end)
  (func (export "uncaught") (param i32) (result i32) (call $throw-number (local.get 0)) i32.const 1)
  (func (export "not-this") (result i32)
    try (result i32) (call $throw-none (i32.const 0)) i32.const 0 catch $number end)
  (func (export "empty") (result i32) try (result i32) i32.const 5 end)
  (func (export "none-thrown") (result i32)
    try (result i32) (call $quiet (i32.const 0)) i32.const 6 catch $number catch_all i32.const -1 end)
  (func (export "only-deep") (result i32)
    try (result i32) (i32.const 1) (br 0) catch_all try (result i32) i32.const 2 catch $number rethrow 1 end end)
)

(assert_return (invoke "here" (i32.const 3)) (i32.const 103))
(assert_return (invoke "by-call" (i32.const 4)) (i32.const 104))
(assert_return (invoke "by-table" (i32.const 0)) (i32.const 107))
(assert_return (invoke "by-table" (i32.const 1)) (i32.const 200))
(assert_return (invoke "by-table" (i32.const 2)) (i32.const 1))
(assert_return (invoke "mixed" (i32.const 8))
  (i64.const -5) (f32.const 1.5) (i32.const 8) (f64.const -0.25) (i32.const 9))
(assert_return (invoke "vector") (i64.const 77))
(assert_return (invoke "references" (ref.extern 3)) (ref.extern 3) (i32.const 4))
(assert_return (invoke "by-several" (i32.const 0)) (i32.const 1003))
(assert_return (invoke "by-several" (i32.const 2)) (i32.const 1009))
(assert_return (invoke "operands" (i32.const 30)) (i32.const 75))
(assert_return (invoke "first-fits" (i32.const 0)) (i32.const 1))
(assert_return (invoke "first-fits" (i32.const 1)) (i32.const 4))
(invoke "log")
(assert_return (invoke "rethrow" (i32.const 6)) (i32.const 6))
(assert_return (invoke "log") (i32.const 12))
(assert_return (invoke "rethrow-after-another" (i32.const 11)) (i32.const 11))
(assert_return (invoke "rethrow-outer" (i32.const 12)) (i32.const 1012))
(assert_return (invoke "thrown-in-handler" (i32.const 13)) (i32.const 14))
(assert_return (invoke "delegate" (i32.const 14)) (i32.const 15))
(assert_return (invoke "delegate-to-caller" (i32.const 15)) (i32.const 17))
(assert_return (invoke "delegate-from-handler" (i32.const 16)) (i32.const 19))
(assert_return (invoke "loop" (i32.const 100)) (i32.const 5050))
(assert_return (invoke "retry") (i32.const 5))
(assert_return (invoke "dive" (i32.const 50)) (i32.const 17))
(assert_return (invoke "unwind" (i32.const 30)) (i32.const 5) (i32.const 31))
(assert_return (invoke "tail" (i32.const 20)) (i32.const 25))
(assert_trap (invoke "trap") "integer divide by zero")
(assert_exhaustion (invoke "too-deep") "call stack exhausted")
(assert_exception (invoke "uncaught" (i32.const 1)))
(assert_exception (invoke "not-this"))
(assert_return (invoke "by-call" (i32.const 5)) (i32.const 105))
(assert_return (invoke "empty") (i32.const 5))
(assert_return (invoke "none-thrown") (i32.const 6))
(assert_return (invoke "only-deep") (i32.const 1))

;; Thrown by a callee that was suspended: its caller goes on in a clone, which has other blocks around than its original.
(module
  (tag $t (param i32))
  (func $late (param $turns i32) (param $value i32)
    loop $again
      local.get $turns i32.const 1 i32.sub local.tee $turns
      br_if $again
    end
    local.get $value i32.const 40 i32.gt_s if local.get $value throw $t end)
  (func (export "out-of-an-if") (param $value i32) (result i64)
    i64.const 1
    try (result i64)
      loop (result i64)
        local.get $value
        if (result i64)
          i64.const 3
          i32.const 9 local.get $value call $late
        else
          i64.const 4
        end
        i64.const 5 i64.add
      end
    catch_all
      i64.const 6
    end
    i64.add))
(assert_return (invoke "out-of-an-if" (i32.const 0)) (i64.const 10))
(assert_return (invoke "out-of-an-if" (i32.const 5)) (i64.const 9))
(assert_return (invoke "out-of-an-if" (i32.const 50)) (i64.const 7))

;; Without a tag nothing can be thrown; blocks that would catch it are blocks all the same.
(module
  (func (export "f") (result i32) try (result i32) i32.const 3 catch_all i32.const 4 end))
(assert_return (invoke "f") (i32.const 3))

(assert_invalid (module (func try catch 0 end)) "unknown tag")
(assert_invalid (module (func throw 0)) "unknown tag")
(assert_invalid (module (tag (param i32)) (func throw 0)) "type mismatch")
(assert_invalid (module (tag (param i32)) (func try catch 0 end)) "type mismatch")
(assert_invalid (module (func try (result i32) catch_all end)) "type mismatch")
(assert_invalid (module (func try rethrow 0 end)) "invalid rethrow label")
(assert_invalid (module (func try catch_all block rethrow 0 end end)) "invalid rethrow label")
(assert_invalid (module (func try delegate 1)) "unknown label")
(assert_invalid (module (tag (result i32))) "non-empty tag result type")
