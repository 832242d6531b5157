import { describe, expect, it } from 'vitest';
import { circlesOf, graphOf } from './circles.ts';
import {
  fileOf,
  filesIn,
  manifestOf,
  packageOf,
  SOURCES,
  type Source,
  WORKSPACES,
  type Workspace,
} from './source.ts';

/** Test files import what they test from anywhere, and nothing imports them. */
const CODE = SOURCES.filter(({ path }) => !/\.i?test\.ts$/.test(path));
const EDGES = CODE.flatMap((source) =>
  source.imports.flatMap(({ specifier }) => {
    const file = fileOf(source, specifier);
    return file === undefined ? [] : [[source.path, file] as const];
  }),
);

describe('circles', () => {
  it('are found', () => {
    const edges = [
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'a'],
      ['c', 'd'],
      ['d', 'd'],
      ['e', 'f'],
      ['f', 'e'],
    ] as const;
    expect(circlesOf(graphOf(edges))).toEqual([
      ['a', 'b', 'c'],
      ['e', 'f'],
    ]);
    expect(EDGES.length).toBeGreaterThan(1000);
  });

  it('do not exist between files', () => {
    expect(circlesOf(graphOf(EDGES))).toEqual([]);
  });

  it('do not exist between folders', () => {
    const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));
    const edges = EDGES.map(([from, to]) => [folderOf(from), folderOf(to)] as const);
    expect(circlesOf(graphOf(edges))).toEqual([]);
  });
});

/** What each workspace may import. */
const MAY_IMPORT: Readonly<Record<Workspace, readonly Workspace[]>> = {
  schemas: [],
  shared: ['schemas'],
  audit: ['shared'],
  // Capture and load never import each other: the bucket is their only contract.
  capture: ['shared', 'schemas'],
  load: ['shared', 'schemas'],
  console: ['shared', 'load'],
  // Below the command line, which supplies how things are shown.
  demo: ['shared', 'load', 'console'],
  cli: ['shared', 'audit', 'capture', 'load', 'console'],
  test: ['schemas', 'shared', 'audit', 'capture', 'load', 'console', 'demo', 'cli'],
  bench: ['schemas', 'shared', 'audit', 'capture', 'load', 'console', 'demo', 'cli', 'test'],
};
/** The command starts the demo from one place, which loads it when it runs. */
const DEMO_DOOR = 'cli/src/commands/demo.ts';

describe('directions', () => {
  it('hold between workspaces', () => {
    const wrong = CODE.flatMap((source) =>
      source.imports.flatMap(({ specifier, isDynamic }) => {
        const to = fileOf(source, specifier)?.split('/')[0] as Workspace | undefined;
        const isAllowed =
          to === undefined ||
          to === source.workspace ||
          MAY_IMPORT[source.workspace].includes(to) ||
          (to === 'demo' && source.path === DEMO_DOOR && isDynamic);
        return isAllowed ? [] : [`${source.path} imports ${specifier}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('keep product files from importing tests', () => {
    const wrong = SOURCES.filter(({ isTest }) => !isTest).flatMap((source) =>
      source.imports
        .filter(({ specifier }) => specifier === 'vitest' || /\.i?test(\.ts)?$/.test(specifier))
        .map(({ specifier }) => `${source.path} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it('let only shared/src/mongo know the MongoDB driver', () => {
    const knows = SOURCES.filter(
      ({ workspace, isTest, path }) =>
        !isTest && workspace !== 'demo' && !path.startsWith('shared/src/mongo/'),
    );
    const wrong = knows.filter(({ imports }) =>
      imports.some(({ specifier }) => /^mongodb(-4-0)?$/.test(packageOf(specifier) ?? '')),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });
});

describe('kinds of targets', () => {
  const ROOM = 'load/src/target/mongodb/';
  const DOOR = 'load/src/target/open/open-target.ts';

  it('are opened through one door', () => {
    const doors = CODE.filter(({ path, isTest }) => !isTest && !path.startsWith(ROOM)).filter((source) =>
      source.imports.some(({ specifier }) => fileOf(source, specifier)?.startsWith(ROOM)),
    );
    expect(doors.map(({ path }) => path)).toEqual([DOOR]);
  });
});

describe('packages', () => {
  /** No import statement names these. */
  const LOADED_BY_NAME: Readonly<Partial<Record<Workspace, readonly string[]>>> = {
    shared: ['mongodb-4-0'],
    // The launcher looks for the Node that it hands over to.
    cli: ['node'],
  };
  /** What is part of Node, and what the root brings for all tests. */
  const isOthers = (name: string | undefined): name is string =>
    name !== undefined && !name.startsWith('node:') && name !== 'vitest' && name !== 'fast-check';
  const packages = (sources: readonly Source[]): Set<string> =>
    new Set(
      sources.flatMap(({ imports }) => imports.map(({ specifier }) => packageOf(specifier))).filter(isOthers),
    );

  it.each(WORKSPACES)('%s declares what it imports, and nothing else', (workspace) => {
    const { name, dependencies } = manifestOf(workspace);
    const all = SOURCES.filter((source) => source.workspace === workspace);
    // Tests beside the code may use the helpers of the workspace test, which nobody installs.
    const product = packages(all.filter(({ path }) => !/\.i?test\.ts$/.test(path) && path !== DEMO_DOOR));
    const loaded = new Set([...packages(all), ...(LOADED_BY_NAME[workspace] ?? [])]);
    const declared = Object.keys(dependencies);
    const undeclared = [...product].filter((each) => each !== name && !declared.includes(each));
    const unused = declared.filter((each) => !loaded.has(each));
    expect({ undeclared, unused }).toEqual({ undeclared: [], unused: [] });
  });
});

it('every import leads to a file', () => {
  const files = new Set(WORKSPACES.flatMap((workspace) => filesIn(workspace)));
  expect(EDGES.filter(([, to]) => !files.has(to))).toEqual([]);
});

/** Used by one side today, but part of the format of buckets: readers stand beside them. */
const OF_THE_FORMAT: readonly string[] = [
  'shared/src/manifest/note.ts',
  'shared/src/segment/write/change-writer.ts',
  'shared/src/segment/write/snapshot-writer.ts',
];

it('what only one side uses lives on that side, and not in shared', () => {
  const users = new Map<string, Set<string>>();
  for (const [from, to] of EDGES) {
    const user = from.slice(0, from.indexOf('/'));
    if (user === 'test' || user === 'bench') continue;
    users.set(to, (users.get(to) ?? new Set()).add(user));
  }
  const misplaced = [...users]
    .filter(([path, by]) => path.startsWith('shared/src/') && by.size === 1 && !by.has('shared'))
    .map(([path]) => path);
  expect(misplaced.sort()).toEqual(OF_THE_FORMAT);
});
