import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { WaybillError } from '@waybill/shared/base/errors';
import { unreadable } from './refusals.ts';

export type ReadFile = (path: string) => string;

export const readUtf8: ReadFile = (path) => readFileSync(path, 'utf8');

/** `where` says for messages which option named the file. Errors: CONFIG_UNREADABLE. */
export function readTextFile(path: string, where: string, readFile: ReadFile): string {
  try {
    return readFile(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw unreadable(`${where}: the file ${path} cannot be read (${reason})`);
  }
}

/** The keys of a configuration file. Errors: CONFIG_UNREADABLE, CONFIG_INVALID. */
export function readConfigFile(path: string, readFile: ReadFile): Record<string, unknown> {
  const text = readTextFile(path, '--config', readFile);
  let content: unknown;
  try {
    content = yaml().parse(text) ?? {};
  } catch (error) {
    // The parser's message quotes the file, which may hold a password. Only the place is safe.
    const place = /at line \d+, column \d+/.exec((error as Error).message)?.[0] ?? '';
    throw new WaybillError('CONFIG_INVALID', `--config: ${path} is not YAML ${place}`.trimEnd(), {
      hint: 'A configuration file has lines such as "bucket: /var/lib/waybill".',
    });
  }
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) {
    return content as Record<string, unknown>;
  }
  throw new WaybillError('CONFIG_INVALID', `--config: ${path} holds no keys`, {
    hint: 'A configuration file has lines such as "bucket: /var/lib/waybill".',
  });
}

/** Loaded only for a file: it takes longer than the whole table of options. */
function yaml(): typeof import('yaml') {
  return createRequire(import.meta.url)('yaml') as typeof import('yaml');
}
