// What `import ... from 'epochvisor/host'` gives: how a host module says what its functions are.
//
//   export default { env: { hash: pure(['bytes'], 'i32', bytes => ...) } };
//
// It is loaded by each replica, and where the bus is: it imports nothing else of the machine.

export {
  environment,
  type HostClass,
  type HostFunction,
  type HostKind,
  type HostModule,
  type HostResult,
  io,
  type OperationContext,
  pure,
} from './host-function.js';
