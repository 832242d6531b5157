import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { canonicalKey, laneOf } from '@waybill/shared/bson/canonical-key';
import { decodeCommit, decodeIdentity } from '@waybill/shared/manifest/codec';
import { lineToRecord, recordToLine } from '@waybill/shared/segment/jsonl/json-line';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readCommandLine } from 'waybill/command-line';
import type { Command } from 'waybill/commands/command';
import { COMMANDS } from 'waybill/commands/commands';
import { resolveOptions } from 'waybill/options/resolve';
import type { CommandName } from 'waybill/options/spec/commands';
import { SAMPLES } from '../support/bson/samples.ts';
import { PAGES, root, text } from './manual.ts';

const withoutCode = (page: string): string => text(page).replace(/```.*?```|`[^`\n]*`/gs, '');

/** As GitHub makes them: lower case, punctuation dropped, spaces to dashes. */
function anchors(page: string): Set<string> {
  const headings = text(page)
    .replace(/```.*?```/gs, '')
    .matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

it('finds the pages of the root and of docs/', () => {
  for (const page of ['README.md', 'CHANGELOG.md', 'SECURITY.md', 'docs/faq.md', 'docs/sizing.md']) {
    expect(PAGES).toContain(page);
  }
});

it('leads from the index to every page of the manual', () => {
  const linked = [...text('docs/README.md').matchAll(/\]\(([^)#\s]+)/g)].map(([, link = '']) => link);
  for (const page of PAGES) {
    const name = page.startsWith('docs/') ? page.slice('docs/'.length) : `../${page}`;
    if (page !== 'docs/README.md') expect(linked, page).toContain(name);
  }
});

describe.each(PAGES)('%s', (page) => {
  const links = [...withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link));

  it('has links that lead somewhere', () => {
    for (const link of links) {
      const target = new URL(link, new URL(page, root));
      const anchor = target.hash.slice(1);
      target.hash = '';
      expect(existsSync(target), link).toBe(true);
      if (anchor === '') continue;
      const path = fileURLToPath(target).slice(fileURLToPath(root).length);
      expect([...anchors(path)], link).toContain(decodeURIComponent(anchor));
    }
  });

  it('shows command lines that the command understands', async () => {
    for (const line of commandLines(text(page))) await expect(parses(line), line).resolves.toBeDefined();
  });

  it('names no error code and no option that does not exist', () => {
    const shown = new Set([...text(page).matchAll(/`(--[A-Za-z][A-Za-z-]+)/g)].map(([, flag = '']) => flag));
    const known = new Set(
      [...text('docs/options.md').matchAll(/^\| `(--[a-z-]+)`/gm)].map(([, flag]) => flag),
    );
    const foreign = new Set([
      '--replSet',
      '--help',
      '--version',
      '--documents',
      '--rounds',
      '--only',
      '--output',
      '--markdown',
    ]);
    for (const flag of shown) if (!foreign.has(flag)) expect([...known], flag).toContain(flag);

    const codes = new Set(
      [...text('docs/error-codes.md').matchAll(/^\| `([A-Z_]+)`/gm)].map(([, code]) => code),
    );
    const families =
      /`((?:BUCKET|STREAM|MANIFEST|SEGMENT|MONGO|SOURCE|TARGET|LOAD|CONFIG|VERIFY|CUTOVER|FORMAT)_[A-Z_]+)`/g;
    for (const [, code] of text(page).matchAll(families)) expect([...codes], code).toContain(code);
  });
});

it('finds command lines to check, and notices wrong ones', async () => {
  expect(PAGES.flatMap((page) => commandLines(text(page))).length).toBeGreaterThan(15);
  await expect(parses('capture --source env:SOURCE --bucket /data --bogus')).rejects.toThrow('bogus');
  await expect(parses('load --bucket /data --target env:TARGET --workers many')).rejects.toThrow('--workers');
});

/**
 * Indented or fenced lines that start with the command, and commands in backticks that have
 * options.
 */
function commandLines(page: string): string[] {
  const shown = page.matchAll(/^ {4,}(?:npx )?waybill (.+)$/gm);
  const inline = page.matchAll(/`(?:npx )?waybill ([a-z]+ --[^`]+)`/g);
  const demo = page.matchAll(/^ {4,}npm run (demo -- .+)$/gm);
  return [...shown, ...inline, ...demo].map(([, line = '']) => line.replace('demo -- ', 'demo '));
}

/**
 * Uses the command line's own parser and checks. Connection strings come from a made-up
 * environment.
 */
async function parses(line: string): Promise<unknown> {
  const commands = COMMANDS.map((command): Command => ({ ...command, run: async () => 0 }));
  const invocation = readCommandLine(line.split(/\s+/), commands, '0');
  if (!invocation) throw new Error('no command');
  for (const name of ['SOURCE', 'TARGET', 'WAYBILL_SOURCE', 'WAYBILL_TARGET']) {
    vi.stubEnv(name, 'mongodb://server.example:27017/');
  }
  vi.stubEnv('WAYBILL_BUCKET', '/data');
  return resolveOptions({
    command: invocation.command.name as CommandName,
    flags: invocation.flags,
    readFile: () => '',
  });
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('docs/bucket-format.md', () => {
  const page = text('docs/bucket-format.md');
  const examples = [...page.matchAll(/```json\n(.*?)\n```/gs)].map(([, example = '']) => example);

  it('has examples that a reader of this version accepts', () => {
    expect(examples.length).toBeGreaterThanOrEqual(9);
    for (const example of examples) {
      const bytes = Buffer.from(`${example}\n`);
      const { seq, createdAt } = JSON.parse(example) as { seq?: number; createdAt?: string };
      if (createdAt !== undefined) expect(decodeIdentity(bytes, 'stream.json').lanes).toBe(2);
      else if (seq !== undefined) expect(decodeCommit(bytes, seq, 'commit').commit.seq).toBe(seq);
      else expect(recordToLine(lineToRecord(example))).toBe(`${example}\n`);
    }
  });

  it('has test values that the code computes', () => {
    const rows = [...page.matchAll(/^\| ([^|]+) \| `([0-9a-f]+)` \| (\d+) \| (\d+) \|$/gm)];
    expect(rows).toHaveLength(12);
    for (const [, name = '', key = '', large, small] of rows) {
      expect(hash(Buffer.from(key, 'hex'), 0xffff_ffff), name).toBe(Number(large));
      expect(hash(Buffer.from(key, 'hex'), 16), name).toBe(Number(small));
    }
    const id = SAMPLES.int32!;
    const seven = rows.find(([, name]) => name === 'int32 -7');
    expect(seven?.[2]).toBe(Buffer.from(canonicalKey(id), 'latin1').toString('hex'));
    expect(Number(seven?.[4])).toBe(laneOf('shop.orders', id, 16));
  });
});

/** The page's own algorithm, written again. */
function hash(key: Uint8Array, lanes: number): number {
  let h = 0x811c9dc5;
  for (const byte of Buffer.concat([Buffer.from('shop.orders\0'), key])) h = Math.imul(h ^ byte, 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) % lanes;
}
