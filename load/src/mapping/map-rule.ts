/**
 * One rule of `--map`: which names of the source it is for, and what they become on the target.
 *
 *   shop.orders=store.orders    one collection
 *   shop.*=store.*              a database under another name (also: shop=store)
 *   *.*=one.*                   every database into one
 *   *.*=main.{db}_{coll}        the same with joined names
 *
 * On the left, `*` stands for any database or any collection, and never for a part of a name. On
 * the right it is the source's own name of that part; `{db}` and `{coll}` are the source's names
 * within a text.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import { splitNamespace } from '@waybill/shared/base/record';
import { nameProblem } from './target-name.ts';

export interface MapRule {
  /** In the one form that equal rules share. */
  readonly text: string;
  /** Null: any. */
  readonly database: string | null;
  readonly collection: string | null;
  readonly toDatabase: string;
  readonly toCollection: string;
}

const ANY = '*';
const FORMS = 'Write --map shop.orders=store.orders, shop.*=store.*, *.*=one.* or *.*=main.{db}_{coll}.';

/** @throws CONFIG_INVALID */
export function parseMapRule(text: string): MapRule {
  const [left = '', right, more] = text.split('=');
  if (right === undefined || more !== undefined) throw refused(text, 'it needs one = between two names');
  const from = partsOf(left);
  const to = partsOf(right);
  for (const part of [from.database, from.collection]) {
    if (part === '') throw refused(text, 'a name before the = is empty');
    if (part !== ANY && part.includes(ANY))
      throw refused(text, 'before the =, * stands for a whole database or a whole collection');
  }
  const rule = {
    database: from.database === ANY ? null : from.database,
    collection: from.collection === ANY ? null : from.collection,
    toDatabase: to.database.replace(/^\{db\}$/, ANY),
    toCollection: to.collection.replace(/^\{coll\}$/, ANY),
  };
  const problem = templateProblem(rule);
  if (problem !== null) throw refused(text, problem);
  return {
    text: `${from.database}.${from.collection}=${rule.toDatabase}.${rule.toCollection}`,
    ...rule,
  };
}

/** The name that the rule gives. */
export function applyRule(
  { toDatabase, toCollection }: Pick<MapRule, 'toCollection' | 'toDatabase'>,
  source: string,
): string {
  const { database, collection } = splitNamespace(source);
  const database_ = toDatabase === ANY ? database : toDatabase.replace('{db}', () => database);
  if (toCollection === ANY) return `${database_}.${collection}`;
  // One pass: a source's own name may hold the text of a placeholder.
  const name = toCollection.replace(/\{(db|coll)\}/g, (_, what) => (what === 'db' ? database : collection));
  return `${database_}.${name}`;
}

/** The collection of a database that the rule gives that name; null where it has none. */
export function collectionBehind(rule: MapRule, database: string, target: string): string | null {
  if (rule.collection !== null) return rule.collection;
  const mark = '\0';
  const [before = '', after = ''] = splitNamespace(applyRule(rule, `${database}.${mark}`)).collection.split(
    mark,
  );
  const { collection } = splitNamespace(target);
  const isOne = collection.length > before.length + after.length;
  if (!isOne || !collection.startsWith(before) || !collection.endsWith(after)) return null;
  return collection.slice(before.length, collection.length - after.length);
}

/** A database alone is all of it. */
function partsOf(text: string): { readonly database: string; readonly collection: string } {
  return text.includes('.') ? splitNamespace(text) : { database: text, collection: ANY };
}

function templateProblem({ collection, toDatabase, toCollection }: Omit<MapRule, 'text'>): string | null {
  for (const [part, placeholders] of [
    [toDatabase, ['{db}']],
    [toCollection, ['{db}', '{coll}']],
  ] as const) {
    if (part === ANY) continue;
    const rest = placeholders.reduce<string>((text, placeholder) => text.replace(placeholder, ''), part);
    if (rest.includes(ANY)) return 'after the =, * stands alone; within a text write {db} or {coll}';
    if (/[{}]/.test(rest)) return `after the =, braces are for ${placeholders.join(' and ')}, once each`;
  }
  if (collection === null && toCollection !== ANY && !toCollection.includes('{coll}'))
    return 'it would put every collection under one name: use * or {coll} after the =';
  return nameProblem(applyRule({ toDatabase, toCollection }, 'db.collection'));
}

function refused(text: string, why: string): WaybillError {
  return new WaybillError('CONFIG_INVALID', `--map ${JSON.stringify(text)}: ${why}`, {
    hint: FORMS,
    context: { option: 'map' },
  });
}
