/**
 * What lies between a load and its target, and can lose a message in the worst way: the client's
 * connection is reset, and the server gets the bytes when the test says so.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A message that the server has not got yet. */
export interface HeldMessage {
  /** Resets the connection that it came from: whoever sent it hears nothing. */
  reset(): void;
  /** Gives it to the server. Fulfilled when that has answered. */
  deliver(): Promise<void>;
}

interface Trap {
  readonly marker: string;
  readonly caught: (held: HeldMessage) => void;
}

export class LateWire implements AsyncDisposable {
  readonly #upstream: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #traps: readonly Trap[] = [];

  private constructor(upstream: string) {
    this.#upstream = new URL(upstream);
    this.#server = createServer((socket) => this.#open(socket));
  }

  /** To the server of that connection string. */
  static async start(uri: string): Promise<LateWire> {
    const wire = new LateWire(uri);
    await new Promise<void>((resolve) => wire.#server.listen(0, '127.0.0.1', resolve));
    return wire;
  }

  get uri(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `mongodb://127.0.0.1:${port}/?directConnection=true`;
  }

  /** The next message to the server that holds these bytes stays here. */
  hold(marker: string): Promise<HeldMessage> {
    return new Promise((caught) => {
      this.#traps = [...this.#traps, { marker, caught }];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #open(client: Socket): void {
    const server = connect(Number(this.#upstream.port), this.#upstream.hostname);
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.#sockets.delete(socket));
    }
    let isHeld = false;
    server.on('data', (bytes) => client.write(bytes));
    server.on('close', () => client.destroy());
    client.on('close', () => {
      if (!isHeld) server.destroy();
    });
    let pending = Buffer.alloc(0);
    client.on('data', (bytes: Buffer) => {
      pending = Buffer.concat([pending, bytes]);
      for (;;) {
        const length = pending.length >= 4 ? pending.readInt32LE(0) : Number.POSITIVE_INFINITY;
        if (pending.length < length) return;
        const message = Buffer.from(pending.subarray(0, length));
        pending = pending.subarray(length);
        const trap = this.#traps.find(({ marker }) => message.includes(marker));
        if (!trap) {
          server.write(message);
          continue;
        }
        this.#traps = this.#traps.filter((one) => one !== trap);
        isHeld = true;
        trap.caught({
          reset: () => client.resetAndDestroy(),
          deliver: async () => {
            const answered = new Promise<void>((resolve) => server.once('data', () => resolve()));
            server.write(message);
            await answered;
          },
        });
      }
    });
  }
}
