/** How the place of a field is named to people: `a.b[0].c`. Names are shown, values never. */

/** A name that is no plain word stands as `["a.b"]`. Long names are cut. */
const PLAIN_NAME = /^[\p{L}\p{N}_$-]+$/u;
const MAX_NAME_CHARACTERS = 100;

export function memberPath(path: string, name: string): string {
  const shown = name.length > MAX_NAME_CHARACTERS ? `${name.slice(0, MAX_NAME_CHARACTERS)}…` : name;
  if (!PLAIN_NAME.test(name)) return `${path}[${JSON.stringify(shown)}]`;
  return path === '' ? shown : `${path}.${shown}`;
}

export function itemPath(path: string, index: number | string): string {
  return `${path}[${index}]`;
}
