/** How a load goes about its target: a line, and a table of what is not as on MongoDB itself. */
import type { TargetPlan } from '@waybill/load/run/load-deps';
import type { Decision } from '@waybill/load/target/rules/decisions';
import type { Paint } from './style.ts';
import { renderTable } from './table.ts';
import { formatBytes, formatCount, formatDuration } from './units.ts';

const ABOUT = new Set(['kind', 'version', 'topology']);

const WHY: Readonly<Record<Decision['by'], string>> = {
  option: 'option',
  server: 'the server says so',
  host: 'its host name',
  profile: 'profile',
  version: 'version',
  probe: 'probe',
  learnt: 'learnt',
  default: 'default',
};

/** Everything, or else only what an operator would not expect of MongoDB. */
export function renderTargetPlan({ title, decisions }: TargetPlan, paint: Paint, all: boolean): string {
  const about = (name: string): Decision | undefined => decisions.find((each) => each.name === name);
  const kind = about('kind');
  const first = `target: ${title}, version ${about('version')?.value ?? 'unknown'}, ${words(String(about('topology')?.value ?? ''))}; kind ${kind?.value} (${kind ? why(kind) : ''})`;
  const rows = decisions.filter((each) => !ABOUT.has(each.name) && (all || isUnusual(each)));
  if (rows.length === 0) return first;
  const columns = [{ head: 'ability' }, { head: 'decision' }, { head: 'why' }];
  return `${first}\n${renderTable(
    columns,
    rows.map((each) => [words(each.name), decided(each), why(each)]),
    paint,
  )}`;
}

function isUnusual({ value, by, note }: Decision): boolean {
  const isKnownLimit = typeof value === 'number' && by === 'profile';
  return value === false || note !== null || by === 'learnt' || isKnownLimit;
}

function decided({ name, value }: Decision): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value;
  if (/bytes/i.test(name)) return formatBytes(value);
  return name.endsWith('Ms') ? formatDuration(value) : formatCount(value);
}

function why({ by, note }: Decision): string {
  return note === null ? WHY[by] : `${WHY[by]}: ${note}`;
}

/** `statementsInCommand` as `statements in command`. */
function words(name: string): string {
  return name.replace(/Ms$/, 'Time').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
