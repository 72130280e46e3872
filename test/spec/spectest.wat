;; The module `spectest` that the core test scripts import from. It is wasm, so that it goes through the engine
;; under test like everything else; its functions are the host's, imported and exported again.
(module
  (func (export "print") (import "host" "print"))
  (func (export "print_i32") (import "host" "print") (param i32))
  (func (export "print_i64") (import "host" "print") (param i64))
  (func (export "print_f32") (import "host" "print") (param f32))
  (func (export "print_f64") (import "host" "print") (param f64))
  (func (export "print_i32_f32") (import "host" "print") (param i32 f32))
  (func (export "print_f64_f64") (import "host" "print") (param f64 f64))
  (global (export "global_i32") i32 (i32.const 666))
  (global (export "global_i64") i64 (i64.const 666))
  (global (export "global_f32") f32 (f32.const 666.6))
  (global (export "global_f64") f64 (f64.const 666.6))
  (table (export "table") 10 20 funcref)
  (memory (export "memory") 1 2))
