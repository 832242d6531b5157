import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAst } from 'vitest/node';
import { type Export, exportsOf, type Import, importsOf, isNode, type Node } from './syntax.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The workspaces, bottom first. */
export const WORKSPACES = [
  'schemas',
  'shared',
  'audit',
  'capture',
  'load',
  'console',
  'demo',
  'cli',
  'test',
  'bench',
] as const;
export type Workspace = (typeof WORKSPACES)[number];

/** One file of a workspace. Paths start at the root of the repository. */
export interface Source {
  readonly path: string;
  /** A folder, for the rules on circles, is the directory of a file. */
  readonly folder: string;
  readonly workspace: Workspace;
  readonly text: string;
  readonly program: Node;
  readonly imports: readonly Import[];
  readonly exports: readonly Export[];
  /** A test file, or anything in the workspaces that only tests and measurements use. */
  readonly isTest: boolean;
}

export interface Manifest {
  readonly name: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

export function manifestOf(workspace: Workspace): Manifest {
  const read = JSON.parse(readFileSync(join(root, workspace, 'package.json'), 'utf8')) as Partial<Manifest>;
  return { name: read.name ?? '', dependencies: read.dependencies ?? {} };
}

export const SOURCES: readonly Source[] = WORKSPACES.flatMap((workspace) =>
  ['src', 'scripts', 'bin'].flatMap((folder) => codeIn(`${workspace}/${folder}`)).map(read),
);

function codeIn(folder: string): string[] {
  return filesIn(folder).filter((path) => /\.[jt]s$/.test(path));
}

/** All files below a folder, or none where there is no such folder. */
export function filesIn(folder: string): string[] {
  try {
    return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name).replaceAll('\\', '/'))
      .sort();
  } catch {
    return [];
  }
}

/** How the exceptions name a file: they outlive its move to another folder. */
export function nameOf(path: string): string {
  const [workspace, ...folders] = path.split('/');
  return `${workspace}/${folders.at(-1)}`;
}

export function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function read(path: string): Source {
  const text = textOf(path);
  const program: unknown = parseAst(text, { lang: 'ts' }, path);
  if (!isNode(program)) throw new Error(`${path} cannot be read`);
  const workspace = path.split('/')[0] as Workspace;
  return {
    path,
    folder: dirname(path),
    workspace,
    text,
    program,
    imports: importsOf(program),
    exports: exportsOf(program),
    isTest: workspace === 'test' || workspace === 'bench' || /\.i?test\.ts$/.test(path),
  };
}

const workspaceOf = new Map(WORKSPACES.map((workspace) => [manifestOf(workspace).name, workspace]));

/** The package that an import names, or undefined for a relative one. */
export function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.')) return undefined;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** The file of ours that an import names; undefined for packages of others. */
export function fileOf(from: Source, specifier: string): string | undefined {
  const name = packageOf(specifier);
  if (name === undefined) return normalize(join(from.folder, specifier));
  const workspace = workspaceOf.get(name);
  if (workspace === undefined) return undefined;
  const within = specifier.slice(name.length + 1);
  return `${workspace}/src/${within.endsWith('.json') ? within : `${within}.ts`}`;
}
