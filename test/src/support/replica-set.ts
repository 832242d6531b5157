import { type ServerProcess, startServerProcess } from '@waybill/demo/servers/server-process';
import { mongoAddress, mongodArguments } from '@waybill/demo/servers/start';
import { type TemporaryFolder, temporaryFolder } from '@waybill/demo/servers/temporary';
import { MongoClient } from 'mongodb-4-0';
import { awaitUntil } from './await-until.ts';
import { binaryOf } from './lending/binaries.ts';

const MEMBERS = 3;
/** Short, so that a test sees many elections. */
const SETTINGS = { electionTimeoutMillis: 1500, heartbeatIntervalMillis: 500 };

/** Several members on this machine. They elect a new primary when they lose theirs. */
export class ReplicaSet implements AsyncDisposable {
  readonly name: string;
  readonly #members: Member[];

  private constructor(name: string, members: Member[]) {
    this.name = name;
    this.#members = members;
  }

  /** With an arbiter the third member holds no data. */
  static async start(name: string, { arbiter = false } = {}): Promise<ReplicaSet> {
    const set = new ReplicaSet(name, []);
    try {
      for (let n = 0; n < MEMBERS; n++) set.#members.push(await Member.start(name));
      const members = set.#members.map(({ host }, _id) => ({
        _id,
        host,
        ...(arbiter && _id === MEMBERS - 1 && { arbiterOnly: true }),
      }));
      await set.#members[0]!.admin({ replSetInitiate: { _id: name, members, settings: SETTINGS } });
      await set.#primary();
    } catch (error) {
      await set[Symbol.asyncDispose]();
      throw error;
    }
    return set;
  }

  /** Names all members, whether they are up or not. */
  get uri(): string {
    return `mongodb://${this.#members.map(({ host }) => host).join()}/?replicaSet=${this.name}`;
  }

  /** The primary steps down in good order. */
  async stepDown(): Promise<void> {
    await awaitUntil('a primary steps down', async () => {
      const primary = await this.#primary();
      // The server refuses while no other member has caught up.
      return primary.admin({ replSetStepDown: 4, secondaryCatchUpPeriodSecs: 2 }).then(
        () => true,
        () => false,
      );
    });
    await this.#primary();
  }

  /** Kills the primary's process. Once another member is elected, it comes back as a secondary. */
  async killPrimary(): Promise<void> {
    const primary = await this.#primary();
    await primary.kill();
    await this.#primary();
    await primary.restart();
  }

  /** A direct connection to a member that holds data and isn't the primary. */
  async secondaryUri(): Promise<string> {
    return `mongodb://${(await this.#secondary()).host}/?directConnection=true`;
  }

  async killSecondary(): Promise<void> {
    await (await this.#secondary()).kill();
  }

  async #secondary(): Promise<Member> {
    return awaitUntil('there is a secondary', async () => {
      for (const member of this.#members) {
        const { secondary } = await member.admin({ isMaster: 1 });
        if (secondary) return member;
      }
      return undefined;
    });
  }

  async #primary(): Promise<Member> {
    return awaitUntil('there is a primary', async () => {
      for (const member of this.#members) if (await member.isPrimary()) return member;
      return undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.#members) await member.stop();
  }
}

class Member {
  readonly #name: string;
  readonly #data: TemporaryFolder;
  #process: ServerProcess;
  #isUp = true;

  private constructor(name: string, data: TemporaryFolder, process: ServerProcess) {
    this.#name = name;
    this.#data = data;
    this.#process = process;
  }

  static async start(name: string): Promise<Member> {
    const data = await temporaryFolder('member');
    return new Member(name, data, await startMember(name, data.path));
  }

  get host(): string {
    return `127.0.0.1:${this.#process.port}`;
  }

  async admin(command: object): Promise<{ readonly ismaster?: boolean; readonly secondary?: boolean }> {
    const client = new MongoClient(
      `mongodb://${this.host}/?directConnection=true&serverSelectionTimeoutMS=2000`,
    );
    try {
      return await client.db('admin').command(command);
    } finally {
      await client.close();
    }
  }

  async isPrimary(): Promise<boolean> {
    if (!this.#isUp) return false;
    const reply = await this.admin({ isMaster: 1 }).catch(() => undefined);
    return reply?.ismaster === true;
  }

  async kill(): Promise<void> {
    this.#isUp = false;
    await this.#process.kill();
  }

  async restart(): Promise<void> {
    const { port } = this.#process;
    await this.#process.clear();
    this.#process = await startMember(this.#name, this.#data.path, port);
    this.#isUp = true;
  }

  async stop(): Promise<void> {
    await this.#process.kill();
    await this.#process.clear();
    await this.#data.remove();
  }
}

async function startMember(replSet: string, dbPath: string, port?: number): Promise<ServerProcess> {
  return startServerProcess({
    binary: await binaryOf('current'),
    name: 'MongoDB',
    port,
    args: (_folder, chosen) => [...mongoAddress(chosen), ...mongodArguments(dbPath, { replSet })],
  });
}
