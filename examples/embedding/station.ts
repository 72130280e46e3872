// A weather station, as a guest in AssemblyScript: what it knows of the world its embedder tells it (host.mjs).

@external("station", "temperature")
declare function temperature(): f64;
@external("station", "hash")
declare function hash(address: usize, length: i32): i64;
@external("station", "send")
declare function send(address: usize, length: i32, mark: i64): i32;

export function _start(): void {
  let round = 0;
  let sum: f64 = 0;
  let goesOn = true;
  while (goesOn) {
    round += 1;
    sum += temperature();
    const report = String.UTF8.encode(`report ${round}: ${sum / round} degrees on average`);
    const address = changetype<usize>(report);
    goesOn = <bool>send(address, report.byteLength, hash(address, report.byteLength));
  }
}
