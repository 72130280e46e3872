// What the replicas of a trial note as they speak: processes in files of its folder, threads in the memory of who runs it.

import { type PutOut, type PutOutTarget, readRecording, recordingFile } from './output-rule.js';
import { readTimeline, type TimelineEvent, type TimelineTarget, timelineFile } from './timeline.js';

export interface TrialNotes {
  readonly timeline: TimelineTarget;
  readonly recording: PutOutTarget;
  /** What was noted so far, in the order of time; of outputs in the order in which each replica put them out. */
  read(): { readonly timeline: TimelineEvent[]; readonly recording: PutOut[] };
}

export function notesInFiles(folder: string): TrialNotes {
  return {
    timeline: timelineFile(folder),
    recording: recordingFile(folder),
    read: () => ({ timeline: readTimeline(folder), recording: readRecording(folder) }),
  };
}

export function notesInMemory(): TrialNotes {
  const timeline: TimelineEvent[] = [];
  const recording: PutOut[] = [];
  return {
    timeline: event => timeline.push(event),
    recording: piece => recording.push(piece),
    read: () => ({ timeline: [...timeline].sort((a, b) => a.atNs - b.atNs), recording }),
  };
}
