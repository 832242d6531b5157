/** What the house rules ask of a parsed file: its imports, its exports and its functions. */

export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export interface Import {
  readonly specifier: string;
  /** The names taken; `*` for the whole module. */
  readonly names: readonly string[];
  /** `import(…)`: loaded when it runs. */
  readonly isDynamic: boolean;
}

export interface Export {
  readonly name: string;
  readonly isType: boolean;
}

export interface NamedFunction {
  readonly name: string;
  readonly lines: number;
}

export function isNode(value: unknown): value is Node {
  return (
    typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
  );
}

/** Every node, with the one that it stands in. */
function* walk(node: Node, parent?: Node): Generator<readonly [Node, Node | undefined]> {
  yield [node, parent];
  for (const value of Object.values(node)) {
    for (const each of Array.isArray(value) ? value : [value]) if (isNode(each)) yield* walk(each, node);
  }
}

const text = (node: unknown): string => {
  const { name, value } = node as { name?: string; value?: string };
  return name ?? value ?? '';
};
const children = (node: unknown): readonly Node[] => (Array.isArray(node) ? node.filter(isNode) : []);

/** Types count: a circle of types is a circle, and an export that only a type needs is alive. */
export function importsOf(program: Node): Import[] {
  const found: Import[] = [];
  for (const [node] of walk(program)) {
    const { source } = node;
    if (!isNode(source) || typeof source.value !== 'string') continue;
    found.push({
      specifier: source.value,
      names: namesTaken(node),
      isDynamic: node.type === 'ImportExpression',
    });
  }
  return found;
}

function namesTaken(node: Node): string[] {
  if (node.type === 'TSImportType' && isNode(node.qualifier)) return [text(node.qualifier)];
  if (node.type !== 'ImportDeclaration' && node.type !== 'ExportNamedDeclaration') return ['*'];
  return children(node.specifiers).map((specifier) => {
    if (specifier.type === 'ImportSpecifier') return text(specifier.imported);
    if (specifier.type === 'ExportSpecifier') return text(specifier.local);
    return specifier.type === 'ImportDefaultSpecifier' ? 'default' : '*';
  });
}

export function exportsOf(program: Node): Export[] {
  return children(program.body).flatMap((node) => {
    if (node.type === 'ExportDefaultDeclaration') return [{ name: 'default', isType: false }];
    if (node.type !== 'ExportNamedDeclaration') return [];
    const { declaration } = node;
    const isType = node.exportKind === 'type';
    if (!isNode(declaration)) {
      return children(node.specifiers).map(({ exported }) => ({ name: text(exported), isType }));
    }
    const declared =
      declaration.type === 'VariableDeclaration' ? children(declaration.declarations) : [declaration];
    return declared.map(({ id }) => ({ name: text(id), isType }));
  });
}

/** What a file names anywhere but where it declares it. */
export function namesUsedIn(program: Node): Set<string> {
  const named = new Set<string>();
  for (const [node, parent] of walk(program)) {
    const isDeclared = parent?.id === node;
    if (node.type === 'Identifier' && !isDeclared) named.add(text(node));
  }
  return named;
}

/** Comments as they stand, with the line that each begins on; strings are no comments. */
export function commentLinesOf(program: Node, code: string): { line: number; text: string }[] {
  let masked = code;
  for (const [node] of walk(program)) {
    const isText = node.type === 'Literal' || node.type === 'TemplateElement';
    if (!isText) continue;
    const blank = code.slice(node.start, node.end).replace(/[^\n]/g, '_');
    masked = masked.slice(0, node.start) + blank + masked.slice(node.end);
  }
  const inComment = new Set<number>();
  for (const { 0: comment, index } of masked.matchAll(/\/\*[\s\S]*?\*\/|\/\/.*/g)) {
    const first = masked.slice(0, index).split('\n').length;
    for (let line = 0; line < comment.split('\n').length; line++) inComment.add(first + line);
  }
  const lines = code.split('\n');
  return [...inComment].map((line) => ({ line, text: lines[line - 1] ?? '' }));
}

/** From the line of its head to the line of its last brace. A suite of tests is no algorithm. */
export function functionsOf(program: Node, code: string): NamedFunction[] {
  const found: NamedFunction[] = [];
  for (const [node, parent] of walk(program)) {
    if (!/^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)) continue;
    const name = nameOf(node, parent);
    const lines = code.slice(node.start, node.end).split('\n').length;
    if (!name.startsWith('describe')) found.push({ name, lines });
  }
  return found;
}

function nameOf(node: Node, parent: Node | undefined): string {
  for (const named of [node.id, parent?.key, parent?.id, parent?.callee])
    if (isNode(named)) return text(named);
  return '(no name)';
}
