// Mistakes that the model can make, each with the machine that shows it.

import type { MachineName } from './machines.js';

export interface ModelMistake {
  /** The model's switch is MISTAKE_ and this. */
  readonly name: string;
  /** As test/simulator calls it, where it plants it, too. */
  readonly mistake: string;
  readonly machine: MachineName;
  /** The labels of what the model finds violated. */
  readonly sees: RegExp;
}

const DYING_BUS = 'a pair, and a bus that dies';
const LOST_BUS = 'a pair, and connections to the bus that are lost';
const JOINING = 'a replica that joins another';
const THIRD = 'a replica that joins a pair';
const THREE = 'three replicas';

export const MODEL_MISTAKES: readonly ModelMistake[] = [
  { name: 'OR', mistake: 'an output leaves before it is acknowledged', machine: DYING_BUS, sees: /^\(OR\)/ },
  {
    name: 'SX',
    mistake: 'a primary that lost its backup lets outputs go before it has a view of its own',
    machine: DYING_BUS,
    sees: /^\(OR\)/,
  },
  {
    name: 'CL',
    mistake: 'a backup goes on acknowledging after it has sent a claim',
    machine: DYING_BUS,
    sees: /^\(OR\)/,
  },
  { name: 'VW', mistake: 'an arbiter out of reach is taken for a yes', machine: DYING_BUS, sees: /^\(VW\)/ },
  {
    name: 'LS',
    mistake: 'a replica whose claim is lost goes on as if it had won',
    machine: DYING_BUS,
    sees: /^\(VW\)/,
  },
  { name: 'FN', mistake: 'the bus takes outputs of any view, from anyone', machine: DYING_BUS, sees: /^\(FN\)/ },
  { name: 'RS', mistake: 'nothing is sent again to a bus that was lost and found', machine: LOST_BUS, sees: /^\(OF\)/ },
  {
    name: 'OF',
    mistake: 'neither replica nor bus looks at the offset of what is written',
    machine: LOST_BUS,
    sees: /^\(OF\)/,
  },
  {
    name: 'RB_KEPT',
    mistake: 'what follows from a fact is seen before it is kept',
    machine: DYING_BUS,
    sees: /^\((FN|OR)\)/,
  },
  { name: 'RB_FORGET', mistake: 'how far an output has come is forgotten', machine: DYING_BUS, sees: /^\(OF\)/ },
  {
    name: 'RB_GROWN',
    mistake: 'a file that has grown since is not looked at',
    machine: DYING_BUS,
    sees: /^\(OF\)/,
  },
  { name: 'RB_VIEW', mistake: 'that a view was fenced is not kept', machine: DYING_BUS, sees: /^\((FN|OR)\)/ },
  { name: 'RB_BOAST', mistake: 'output on its way is told to be there', machine: DYING_BUS, sees: /^\(OF\)/ },
  { name: 'JN_RUNS', mistake: 'a joining replica is named before its guest runs', machine: JOINING, sees: /^\(JN\)/ },
  {
    name: 'JN_PENDING',
    mistake: 'a joining replica is not told of output from before its snapshot that may not be there',
    machine: JOINING,
    sees: /^\(OF\)/,
  },
  {
    name: 'RA',
    mistake: 'a joining replica that loses its primary takes itself to be named',
    machine: JOINING,
    sees: /^\(VW\)/,
  },
  {
    name: 'BV',
    mistake: 'while a claim is out only the backups of the old view are waited for',
    machine: JOINING,
    sees: /^\((OR|JN, BV)\)/,
  },
  {
    name: 'JN_WORD',
    mistake: 'the word of a joining replica counts as that of a backup',
    machine: THIRD,
    sees: /^\((OR|JN, BV|KP, OS)\)/,
  },
  {
    name: 'KP_NAMED',
    mistake: 'somebody is named though it lacks what the others keep no more',
    machine: THIRD,
    sees: /^\(KP, OS\)/,
  },
  {
    name: 'KP_JOINED',
    mistake: 'somebody is named though a backup lacks what only its snapshot has',
    machine: THIRD,
    sees: /^\(KP, OS\)/,
  },
  { name: 'OS_WAIT', mistake: 'the winner does not wait for the others', machine: THREE, sees: /^\(KP, OS\)/ },
  {
    name: 'OS_SENT',
    mistake: 'a follower that was brought up is taken to have what it was only sent',
    machine: THREE,
    sees: /^\((OR|JN, BV)\)/,
  },
  { name: 'KP_NOTHING', mistake: 'nothing is kept for another', machine: THREE, sees: /^\(KP, OS\)/ },
];
