/** What lies between a client and a store, on the loopback interface, and can be cut. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * `silent`: it accepts connections and keeps them open, but nothing passes. `refused`: it resets
 * open connections and accepts no new ones.
 */
export type CableState = 'whole' | 'silent' | 'refused';

export class Cable implements AsyncDisposable {
  readonly #upstream: URL;
  readonly #sockets = new Set<Socket>();
  #server: Server;
  #port = 0;
  #state: CableState = 'whole';

  private constructor(upstream: string) {
    this.#upstream = new URL(upstream);
    this.#server = this.#newServer();
  }

  /** To the store at that address. */
  static async start(upstream: string): Promise<Cable> {
    const cable = new Cable(upstream);
    await cable.#listen();
    return cable;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /**
   * Takes effect at once, also for open connections. After `silent` those are closed: what was lost
   * stays lost.
   */
  async set(state: CableState): Promise<void> {
    const before = this.#state;
    this.#state = state;
    if (state === 'silent') for (const socket of this.#sockets) socket.pause().unpipe();
    else for (const socket of this.#sockets) socket.resetAndDestroy();
    if (state === 'refused') await this.#close();
    else if (before === 'refused') {
      this.#server = this.#newServer();
      await this.#listen();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state !== 'refused') await this.set('refused');
  }

  #newServer(): Server {
    return createServer((socket) => {
      this.#keep(socket);
      if (this.#state === 'silent') return void socket.pause();
      const { hostname, port } = this.#upstream;
      const store = connect(Number(port), hostname);
      this.#keep(store);
      socket.pipe(store).pipe(socket);
    });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }

  async #listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async #close(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
