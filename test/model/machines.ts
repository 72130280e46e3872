// The small machines of the model that are explored: large enough for what each is to show, and no larger.
//
// In each a replica dies at any step (or none does), suspicion is true or false at any step, and views end with the third. Links
// between replicas are cut in the first, where also their messages are lost. With three replicas the bus does not fail, outputs
// are there as soon as they leave, and a guest runs as soon as its snapshot comes: that is looked at with two.

export interface Machine {
  /** Of the model. */
  readonly definitions: readonly string[];
}

export const MACHINES = {
  'a pair, and a bus that dies': { definitions: ['BUS_DEATHS=1'] },
  'a pair, and connections to the bus that are lost': { definitions: ['BUS_CUTS=2', 'ENTRIES=3', 'CUTS=0'] },
  'a replica that joins another': { definitions: ['BACKUPS=0', 'BUS_CUTS=1', 'CUTS=0'] },
  'a replica that joins a pair': { definitions: ['N=3', 'BACKUPS=2', 'CUTS=0', 'ENTRIES=1'] },
  'three replicas': { definitions: ['N=3', 'BACKUPS=6', 'CUTS=0', 'ENTRIES=1'] },
} as const satisfies Record<string, Machine>;

export type MachineName = keyof typeof MACHINES;
