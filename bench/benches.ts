// The benches: the question that each answers, and the flags that make it so small that a test can run it.

export interface Bench {
  readonly question: string;
  /** What `--tiny` stands for: every part of it, and nothing that deserves to be called a figure. */
  readonly tiny: readonly string[];
  /** Of one round of `--compare`: as short as it can be and still print figures that mean something. */
  readonly round?: readonly string[];
  /** What it can't do without and a host may lack, by its name in test/setup/requirements.ts. */
  readonly needs?: 'c' | 'redis' | 'namespaces' | 'prompt' | 'chromium';
}

/** What has a command of its own, by its program: `npm run sweep`, `flood`, `mutants`, `picture`; `soak` has a test of its own. */
export const SWEEPS: Readonly<Record<string, Pick<Bench, 'tiny' | 'needs'>>> = {
  'failover/sweep.js': {
    tiny: ['--points', '1', '--part', 'every', '--part', 'processes', '--guest', 'hello', '--guest', 'teller'],
  },
  'flood/main.js': { tiny: ['--runs', '1', '--report', '/dev/null'] },
  'mutants/main.js': { tiny: ['--limit', '2', '--seeds', '20', '--tests', '', '--jobs', '1'] },
  'picture/main.js': { tiny: [], needs: 'prompt' },
  'picture/page.js': { tiny: [], needs: 'chromium' },
  'wasi/failover.js': { tiny: ['1', 'words'], needs: 'c' },
};

export const BENCHES: Readonly<Record<string, Bench>> = {
  instrumentation: {
    question: 'what does rewriting cost?',
    tiny: ['--rounds', '1', '--only', 'fib,tokens', '--no-newer', '--no-ruby'],
    round: ['--rounds', '3', '--no-newer', '--no-ruby'],
    needs: 'c',
  },
  exceptions: {
    question: 'what do exceptions cost?',
    tiny: ['--rounds', '1', '--scale', '0.001'],
  },
  snapshot: {
    question: 'what does it cost to be suspendable, and to be suspended?',
    tiny: ['--rounds', '1', '--only', 'fib', '--turns', '1', '--mebibytes', '1', '--resumed', 'sieve'],
    needs: 'c',
  },
  boundary: {
    question: 'what does the end of an epoch cost?',
    tiny: ['--rounds', '1', '--seconds', '0.3', '--lengths', '1000,1000000', '--variants', 'deferred'],
    round: ['--rounds', '1'],
  },
  channel: {
    question: 'what does an encrypted channel cost?',
    tiny: [
      ...['--rounds', '1', '--trips', '20', '--connections', '2', '--snapshots', '1'],
      ...['--lengths', '1000', '--iterations', '1000', '--joins', '1', '--mebibytes', '4'],
    ],
  },
  environment: {
    question: 'what does an environment instruction cost?',
    tiny: ['--rounds', '1', '--count', '20', '--kinds', 'clock'],
    round: ['--rounds', '1', '--count', '300000'],
  },
  commit: {
    question: 'how long does output wait for its commit?',
    tiny: ['--rounds', '1', '--seconds', '0.3', '--lengths', '1000000', '--variants', 'deferred'],
  },
  log: {
    question: 'how much does the logging channel carry?',
    tiny: ['--rounds', '1', '--seconds', '0.1', '--lengths', '1000000'],
  },
  recording: {
    question: 'what does a recording cost, and how soon is it run again?',
    tiny: ['--rounds', '1', '--scale', '0.01', '--seconds', '3', '--mebibytes', '1', '--seeks', '1'],
  },
  durability: {
    question: 'what does it cost to wait for disks, and how soon does it go on after everything has died?',
    tiny: ['--rounds', '1', '--seconds', '0.3', '--mebibytes', '1', '--after', '1', '--recoveries', '1'],
  },
  disk: {
    question: 'what does a disk operation cost?',
    tiny: ['--rounds', '1', '--operations', '3'],
    round: ['--rounds', '2', '--operations', '512'],
  },
  tune: {
    question: 'what do epoch length and variant cost?',
    tiny: ['--seconds', '2', '--lengths', '100000,1000000', '--variants', 'deferred'],
  },
  latency: {
    question: 'how late do interrupts come?',
    tiny: ['--samples', '3', '--lengths', '100000', '--settles', '0'],
  },
  start: {
    question: 'how much longer does a pair take to start?',
    tiny: ['--rounds', '1'],
    round: ['--rounds', '3'],
  },
  wasi: {
    question: 'what does a WASI program cost on a pair?',
    tiny: ['--rounds', '1', '--work', '0.02', '--no-ruby'],
    needs: 'c',
  },
  streams: {
    question: 'how long do 100 MB through a stream take, and memory that is filled?',
    tiny: ['--rounds', '1', '--megabytes', '2', '--filled', '4'],
    needs: 'c',
  },
  tcp: {
    question: 'what does a TCP client of a pair feel?',
    tiny: ['--seconds', '0.1', '--rounds', '1', '--long', '0.3', '--connections', '20'],
    needs: 'redis',
  },
  path: {
    question: 'where does the time of one answer go?',
    tiny: ['--seconds', '0.2', '--rounds', '1'],
    needs: 'c',
  },
  suspicion: {
    question: 'is whoever is gone suspected soon, and nobody who is there?',
    tiny: ['--strikes', '1', '--minutes', '0.01', '--busy', '1'],
  },
  takeover: { question: 'how long is it silent after a kill?', tiny: ['--kills', '1'] },
  joining: {
    question: 'how long is a machine not Protected after a death?',
    tiny: ['--kills', '1', '--mebibytes', '4'],
  },
  distance: {
    question: 'what does a distance between the replicas cost?',
    tiny: ['--rounds', '1', '--seconds', '0.1'],
  },
  verify: {
    question: "what does comparing the replicas' state cost, and how soon does it find something?",
    tiny: ['--rounds', '1', '--seconds', '0.2', '--shares', '0.05', '--mebibytes', '1', '--flips', '1'],
  },
  page: {
    question: 'what does a page cost the guest that it shows?',
    tiny: ['--rounds', '1', '--seconds', '0.2', '--pages', '2'],
  },
  hosts: {
    question: 'what does a client notice of hosts that die and cables that are cut?',
    tiny: ['--strikes', '1', '--minutes', '0'],
    needs: 'namespaces',
  },
  simulate: {
    question: 'does the protocol keep its promises, whatever strikes it?',
    tiny: ['--events', '3000', '--batch', '30'],
  },
  paper: {
    question: 'what do the experiments of the paper give, thirty years on?',
    tiny: [
      ...['--rounds', '1', '--seconds', '0.1', '--operations', '3', '--fast-operations', '3'],
      ...['--lengths', '8000', '--variants', 'deferred'],
    ],
  },
};
