import { openTarget } from '@waybill/load/target/open/open-target';
import type { TargetProfile } from '@waybill/load/target/profiles/profile';
import type { VerifyReport } from '@waybill/load/verify/report';
import { newVerifyStats, type VerifySettings } from '@waybill/load/verify/settings';
import { runVerify } from '@waybill/load/verify/verify';
import { connect } from '@waybill/shared/mongo/driver/connect';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import * as b from './bson/bytes.ts';
import { testClient } from './raw.ts';
import type { TestServers } from './servers.ts';

/**
 * One verification in this process. It waits only a little: most tests plant differences that never
 * settle.
 */
export async function verify(
  servers: { readonly source: { readonly uri: string }; readonly target: { readonly uri: string } },
  include: readonly string[],
  settings: Partial<VerifySettings> = {},
  /** Another profile than the target's own: its forms of values. */
  profile?: TargetProfile,
): Promise<VerifyReport> {
  await using source = await connect(servers.source.uri, { role: 'source' });
  await using target = await connect(servers.target.uri, { role: 'target' });
  const filter = new NamespaceFilter({ include });
  const { signal } = new AbortController();
  const opened = openTarget(target);
  const compared = {
    reader: opened.reader,
    profile: profile ?? opened.profile,
    progress: (database: string) => opened.progress(database),
    shardKeys: opened.shardKeys.bind(opened),
  };
  const deps = { source, target: compared, filter, load: null, stats: newVerifyStats(), signal };
  return await runVerify({ settleMs: 200, ...settings }, deps);
}

/** Every difference in a report, one line each. */
export function linesOf({ collections, structure, differences }: VerifyReport): string[] {
  return [
    ...structure.map(
      ({ namespace, what, detail, heldBack }) =>
        `${tail(namespace)}: ${what} ${detail}${heldBack ? ' (held back)' : ''}`,
    ),
    ...collections
      .filter(({ missing, extra, different, changing }) => missing + extra + different + changing > 0)
      .map(
        ({ namespace, missing, extra, different, changing }) =>
          `${tail(namespace)}: ${missing} missing, ${extra} extra, ${different} different, ${changing} changing`,
      ),
    ...differences.map(
      ({ namespace, id, kind, fields }) =>
        `${tail(namespace)} ${id}: ${kind}${fields.map(({ path, kind: how }) => ` ${path}=${how}`).join()}`,
    ),
  ].sort();
}

const tail = (namespace: string): string => namespace.slice(namespace.indexOf('.') + 1);

export const row = (id: b.Value, ...fields: readonly b.Field[]): Buffer => b.document(['_id', id], ...fields);

/** Documents with consecutive numbers as ids, starting at `from`. */
export const numbered = (count: number, value: (index: number) => b.Value, from = 0): Buffer[] =>
  Array.from({ length: count }, (_, index) => row(b.int32(from + index), ['v', value(from + index)]));

export interface Planted {
  readonly options?: Readonly<Record<string, unknown>>;
  readonly source: readonly Buffer[];
  readonly target: readonly Buffer[];
}

/** One collection on both sides, with different documents. */
export async function plant(
  servers: TestServers,
  database: string,
  name: string,
  planted: Planted,
): Promise<void> {
  for (const side of ['source', 'target'] as const) {
    await using client = await testClient(servers[side].uri);
    await client.command(database, { create: name, ...planted.options });
    await client.insert(database, name, planted[side], { bypassEmptyTsReplacement: true });
  }
}
