// The model in Promela: every interleaving of its small machines keeps every invariant.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { RULES } from '../../engine/protocol/rules.js';
import { needs } from '../setup/needs.js';
import { explore } from './explore.js';
import { MACHINES } from './machines.js';
import { MODEL_MISTAKES } from './model-mistakes.js';

const folder = import.meta.dirname;
const sources = readdirSync(folder).filter(name => name.endsWith('.pml'));
const model = sources.map(name => readFileSync(join(folder, name), 'utf8')).join('');

describe('every interleaving', needs('spin'), () => {
  it.each(Object.entries(MACHINES))('of %s keeps every invariant', { timeout: 600_000 }, (_, { definitions }) => {
    const { violated, story, states } = explore(definitions, '-O1');
    expect(violated, story.join('\n')).toBeUndefined();
    // In fewer nothing would happen.
    expect(states).toBeGreaterThan(100_000);
  });
});

test('every mistake that the model can make is planted', () => {
  const switches = [...model.matchAll(/\bMISTAKE_([A-Z]\w*)/g)].map(([, name]) => name);
  expect(new Set(switches)).toEqual(new Set(MODEL_MISTAKES.map(({ name }) => name)));
});

test('what the model names its invariants by are rules', () => {
  const labels = [...model.matchAll(/"\(([A-Z0-9, ]+)\) /g)].flatMap(([, several]) => several!.split(', '));
  expect(labels.length).toBeGreaterThan(10);
  for (const label of labels) expect(Object.keys(RULES)).toContain(label);
});
