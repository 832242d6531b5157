/**
 * A socket for replies of many megabytes. It takes one request at a time, and receives the reply
 * right into its place. The driver instead receives pieces of 64 KiB, each in fresh memory, and
 * copies them together into fresh memory.
 *
 * The driver does the handshake (TLS certificates, every kind of authentication) over `duplex`,
 * which looks like a socket to it. After `begin` the duplex is dead, and the socket is for
 * requests.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { BufferPool } from '../../base/buffer-pool.ts';

export interface BulkSocketOptions {
  /** Options for net.connect or tls.connect. */
  readonly target: object;
  readonly tls: boolean;
  readonly connectTimeoutMs: number;
  /**
   * How many milliseconds a server may be silent in the middle of a request before the socket gives
   * it up. 0: for ever.
   */
  readonly socketTimeoutMs: number;
}

interface Waiting {
  resolve(reply: Buffer): void;
  reject(error: Error): void;
}

/** Far above the server's own limit of 48,000,000 bytes a message. What claims more is no reply. */
const MOST_BYTES = 64 << 20;
/** Header, flags, and an empty document of kind 0. */
const LEAST_BYTES = 16 + 4 + 1 + 5;
const LANDING_BYTES = 64 << 10;

/** The size of a reply that a bulk reader asks for, with room for a larger document at its end. */
const REPLY_BYTES = 5 << 20;
const KEPT_REPLIES = 8;
/** Sockets use these buffers one after the other: a snapshot opens one socket for each chunk. */
const replies = new BufferPool(REPLY_BYTES, KEPT_REPLIES);

export class BulkSocket {
  readonly duplex: HandshakeDuplex;
  readonly #socket: Socket;
  readonly #socketTimeoutMs: number;
  /** Two buffers, used in turn. */
  readonly #buffers: Buffer[] = [];
  #turn = 0;
  /** The reply that is coming in; null until its size is known. */
  #reply: Buffer | null = null;
  /**
   * The handshake's bytes and the first bytes of each reply land here: the system needs room before
   * a request is made.
   */
  readonly #landing = Buffer.allocUnsafeSlow(LANDING_BYTES);
  /** Bytes of the reply received so far. */
  #have = 0;
  #begun = false;
  #waiting: Waiting | null = null;
  #failure: Error | null = null;

  /** Resolves once connected. Rejects with the system's error. */
  static async open(options: BulkSocketOptions): Promise<BulkSocket> {
    const socket = new BulkSocket(options);
    try {
      await socket.#connected(options);
      return socket;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  private constructor({ target, tls, socketTimeoutMs }: BulkSocketOptions) {
    const onread = { buffer: () => this.#room(), callback: (bytes: number) => this.#take(bytes) };
    const settings = { ...target, onread } as never;
    this.#socket = tls ? connectTls(settings) : connectTcp(settings);
    this.#socketTimeoutMs = socketTimeoutMs;
    this.duplex = new HandshakeDuplex(this.#socket);
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the server closed the connection')));
    this.#socket.on('timeout', () => this.#fail(new Error('the server was silent for too long')));
  }

  /** The handshake is over. */
  begin(): void {
    this.#begun = true;
    this.duplex.detach();
  }

  /**
   * Sends a whole message and gives back its reply. The reply is overwritten by the reply after the
   * next one, or once the socket is closed. Takes one request at a time. Rejects if the connection
   * is lost, or with the reason of `destroy`.
   */
  async request(message: Buffer): Promise<Buffer> {
    if (this.#failure) throw this.#failure;
    if (this.#waiting || !this.#begun) throw new Error('one request at a time, after the handshake');
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    this.#waiting = { resolve, reject };
    this.#reply = null;
    this.#have = 0;
    this.#socket.setTimeout(this.#socketTimeoutMs);
    this.#socket.write(message);
    return promise;
  }

  destroy(reason: Error = new Error('the connection was given up')): void {
    this.#fail(reason);
  }

  /**
   * Ends the connection and lets others use its memory. The caller must be done with all replies. A
   * connection that fails or is destroyed keeps its memory, since somebody may still read the reply
   * before.
   */
  close(): void {
    this.destroy();
    for (const buffer of this.#buffers.splice(0)) if (buffer) replies.give(buffer);
  }

  async #connected({ tls, connectTimeoutMs }: BulkSocketOptions): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting = { resolve: () => undefined, reject };
    this.#socket.once(tls ? 'secureConnect' : 'connect', resolve);
    this.#socket.setKeepAlive(true, 120_000);
    this.#socket.setNoDelay(true);
    this.#socket.setTimeout(connectTimeoutMs);
    await promise;
    this.#waiting = null;
    this.#socket.setTimeout(0);
  }

  /**
   * The place for the next bytes. The system asks for it once at the start, and after each read.
   */
  #room(): Buffer {
    if (!this.#begun || !this.#waiting) return this.#landing;
    return (this.#reply ?? this.#landing).subarray(this.#have);
  }

  #take(bytes: number): boolean {
    if (!this.#begun) this.duplex.push(Buffer.from(this.#landing.subarray(0, bytes)));
    else if (!this.#waiting) this.#fail(new Error('the server sent data that nobody asked for'));
    else this.#receive(this.#waiting, bytes);
    return true;
  }

  #receive(waiting: Waiting, bytes: number): void {
    this.#have += bytes;
    if (this.#have < 4) return;
    const size = (this.#reply ?? this.#landing).readInt32LE(0);
    if (size < LEAST_BYTES || size > MOST_BYTES || this.#have > size) {
      this.#fail(new Error('the server sent something that is not a reply'));
      return;
    }
    if (this.#reply === null) {
      this.#reply = this.#memoryOf(size);
      this.#landing.copy(this.#reply, 0, 0, this.#have);
    }
    if (this.#have < size) return;
    this.#socket.setTimeout(0);
    const reply = this.#reply.subarray(0, size);
    this.#waiting = null;
    this.#reply = null;
    this.#have = 0;
    waiting.resolve(reply);
  }

  #memoryOf(size: number): Buffer {
    this.#turn = 1 - this.#turn;
    const known = this.#buffers[this.#turn];
    if (known && known.length >= size) return known;
    if (known) replies.give(known);
    // A reply that outgrew the pool gets some room, so that the next one does not outgrow it again.
    const taken = replies.take(size > REPLY_BYTES ? size + (size >> 3) : size);
    this.#buffers[this.#turn] = taken;
    return taken;
  }

  #fail(error: Error): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#socket.destroy();
    this.duplex.fail(error);
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(error);
  }
}

/** The socket in the form that the driver's handshake needs. */
class HandshakeDuplex extends Duplex {
  #socket: Socket | null;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    this.on('error', () => undefined);
  }

  get remoteAddress(): string | undefined {
    return this.#socket?.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#socket?.remotePort;
  }

  setTimeout(ms: number): this {
    this.#socket?.setTimeout(ms);
    return this;
  }

  override _read(): void {
    // The socket pushes without being asked: a handshake's replies are small.
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#socket) this.#socket.write(chunk, done);
    else done(new Error('the handshake is over'));
  }

  detach(): void {
    this.#socket = null;
    this.unpipe();
  }

  fail(error: Error): void {
    if (!this.#socket) return;
    this.#socket = null;
    this.destroy(error);
  }
}
