/** The manual: what is written at the root of the repository, and all of docs/. */
import { readdirSync, readFileSync } from 'node:fs';

export const root = new URL('../../../', import.meta.url);
export const text = (path: string): string => readFileSync(new URL(path, root), 'utf8');

const markdown = (folder: string, recursive: boolean): string[] =>
  readdirSync(new URL(folder === '' ? '.' : folder, root), { recursive, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}${name.replaceAll('\\', '/')}`);

export const PAGES: readonly string[] = [...markdown('', false), ...markdown('docs/', true)];
