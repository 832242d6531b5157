/** How a kind of target is told from others: by what the server says, and by its host names. */
import type { ServerInfo } from '@waybill/shared/mongo/driver/server-info';

export interface Recognition {
  /**
   * Fields of hello or buildInfo that only such servers have, as `buildInfo.name`. Any one of them
   * decides, whatever the hosts are called.
   */
  readonly fields: readonly string[];
  /** Its host names, without a port. They decide only where the server does not say otherwise. */
  readonly hosts: readonly RegExp[];
  /** Of several kinds with the same host names, only this one has this command. */
  readonly command: string | null;
  /** MongoDB's own server runs there, and says so. */
  readonly isGenuine: boolean;
}

/** What is known of a server, or of its hosts alone before it is asked. */
export interface Sight {
  readonly hosts: readonly string[];
  readonly server: Pick<ServerInfo, 'fields'> | null;
  /** The commands that it was asked for and has. */
  readonly commands: ReadonlySet<string>;
}

/** MongoDB's own servers tell in buildInfo with which allocator they were built. */
const GENUINE = 'buildInfo.allocator';

export function isGenuine({ fields }: Pick<ServerInfo, 'fields'>): boolean {
  return fields.has(GENUINE);
}

export function isRecognised({ fields, ...kind }: Recognition, sight: Sight): boolean {
  const { server } = sight;
  if (server && fields.some((field) => server.fields.has(field))) return true;
  if (server && isGenuine(server) !== kind.isGenuine) return false;
  return isCalled(kind, sight.hosts) && (kind.command === null || sight.commands.has(kind.command));
}

export function isCalled({ hosts }: Pick<Recognition, 'hosts'>, names: readonly string[]): boolean {
  return names.some((name) => hosts.some((host) => host.test(name)));
}

/** The names in a list of hosts (`mongodb://one:27017,two`), without their ports. */
export function hostNames(url: string): readonly string[] {
  const list = url.replace(/^[a-z+]+:\/\//i, '');
  return list.split(',').map((host) => host.replace(/:\d+$/, '').toLowerCase());
}
