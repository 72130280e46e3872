// Writes docs/reference.md as it follows from the code: every verb with its flags, the fields of the status, every error code.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type AnyNode, type Expression, parse } from 'acorn';
import type { Command } from 'commander';
import { markdownTable } from 'markdown-table';
import { VERBS } from '../../engine/cli/verbs.js';

const ROOT = resolve(import.meta.dirname, '../..');
const CODE = /^[A-Z]{3,}(_[A-Z]+)*$/;
/** In place of what is only known when it happens. */
const UNKNOWN = '…';

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('<', '\\<').trim();
const code = (text: string) => `\`${text.replaceAll('|', '\\|')}\``;

export async function reference(): Promise<string> {
  const verbs = await Promise.all(Object.values(VERBS).map(async ({ load }) => described(await load())));
  return `# Reference

Generated from the code: \`npx vitest run test/sources -u\` writes it anew, and a test compares.

## Verbs

${verbs.join('\n')}
## Fields of the status

What \`--status-file\` keeps, and \`status --json\` prints of a machine that was started by \`run\` or \`resume\`.

${statusTable()}

## Error codes

Each error is one line on stderr: what happened, the code in brackets, what to do. Where a text depends on what happened, there is ${UNKNOWN}.
Codes are stable: scripts can look for them.

${errorTable()}
`;
}

function described(command: Command): string {
  const words = command.registeredArguments.map(argument => {
    const shown = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? `<${shown}>` : `[${shown}]`;
  });
  const rows = command.options.map(({ flags, description, defaultValue, argChoices }) => {
    const choices = argChoices === undefined ? '' : ` (${argChoices.join(', ')})`;
    const isGiven = defaultValue === undefined || (Array.isArray(defaultValue) && defaultValue.length === 0);
    return [code(flags), cell(description + choices), isGiven ? '' : code(String(defaultValue))];
  });
  const table = rows.length === 0 ? '' : `${markdownTable([['flag', 'meaning', 'default'], ...rows])}\n`;
  return `### epochvisor ${[command.name(), ...words].join(' ').replaceAll('<', '\\<')}\n\n${command.description()}\n\n${table}`;
}

/** From the source: a compiler leaves nothing of an interface. */
function statusTable(): string {
  const source = readFileSync(join(ROOT, 'engine/observe/status.ts'), 'utf8');
  const fields = /export interface Status \{\n([\s\S]*?)\n\}/.exec(source)![1]!;
  const rows: string[][] = [];
  let comment = '';
  for (const line of fields.split('\n')) {
    const field = /^ {2}readonly (\w+\??): (.*);$/.exec(line);
    if (field === null) {
      comment += ` ${line.replace(/^\s*\/?\*+\/?/, '').replace(/\*\/$/, '')}`;
      continue;
    }
    rows.push([code(field[1]!), code(field[2]!), cell(comment.replaceAll(/\s+/g, ' '))]);
    comment = '';
  }
  return markdownTable([['field', 'type', 'meaning'], ...rows]);
}

/** What the code says with each error code: what happened, and what to do. */
function errorTable(): string {
  const found = new Map<string, Map<string, string>>();
  for (const folder of ['engine', 'devices']) {
    const dist = join(ROOT, 'dist', folder);
    for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' }).sort()) {
      // What is left of a source that is gone is not looked at.
      if (!file.endsWith('.js') || !existsSync(join(ROOT, folder, file.replace(/js$/, 'ts')))) continue;
      const program = parse(readFileSync(join(dist, file), 'utf8'), { ecmaVersion: 'latest', sourceType: 'module' });
      eachNode(program, node => {
        const [name, message, hint] = errorOf(node) ?? [];
        if (name === undefined || message === undefined) return;
        const messages = found.get(name) ?? new Map<string, string>();
        found.set(name, messages.set(message, hint ?? ''));
      });
    }
  }
  const rows = [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, messages]) =>
      [...messages].map(([message, hint], index) => [index === 0 ? code(name) : '', cell(message), cell(hint)]),
    );
  return markdownTable([['code', 'what happened', 'what to do'], ...rows]);
}

/** A call or an object that has a code, a text and perhaps a hint. */
function errorOf(node: AnyNode): readonly (string | undefined)[] | undefined {
  if (node.type === 'NewExpression' || node.type === 'CallExpression') {
    const [first, ...others] = node.arguments;
    const name = first === undefined ? undefined : textOf(first as Expression);
    if (name === undefined || !CODE.test(name)) return undefined;
    return [name, ...others.map(other => textOf(other as Expression))];
  }
  if (node.type !== 'ObjectExpression') return undefined;
  const property = (wanted: string) => {
    for (const item of node.properties) {
      if (item.type === 'Property' && item.key.type === 'Identifier' && item.key.name === wanted)
        return textOf(item.value as Expression);
    }
    return undefined;
  };
  const name = property('code');
  return name !== undefined && CODE.test(name) ? [name, property('message'), property('hint')] : undefined;
}

/** A text, with what is inserted into it left out; undefined where it is none. */
function textOf(node: Expression): string | undefined {
  if (node.type === 'Literal') return typeof node.value === 'string' ? node.value : undefined;
  if (node.type === 'TemplateLiteral') return node.quasis.map(({ value }) => value.cooked).join(UNKNOWN);
  if (node.type !== 'BinaryExpression' || node.operator !== '+') return undefined;
  const [left, right] = [node.left as Expression, node.right].map(textOf);
  return left === undefined && right === undefined ? undefined : (left ?? UNKNOWN) + (right ?? UNKNOWN);
}

function eachNode(node: AnyNode, seen: (node: AnyNode) => void): void {
  seen(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (child !== null && typeof child === 'object' && 'type' in child) eachNode(child as AnyNode, seen);
    }
  }
}
