/**
 * A socket for replies of many megabytes. One request at a time; the reply is received right into
 * its place, where the driver takes it in pieces of 64 KiB, each fresh memory, and copies them
 * together into fresh memory.
 *
 * The handshake is the driver's (TLS certificates, every kind of authentication), over `duplex`,
 * which looks like a socket to it. After `begin` the duplex is dead, and the socket is for
 * requests.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { BufferPool } from '../../base/buffer-pool.ts';

export interface BulkSocketOptions {
  /** What net.connect or tls.connect take. */
  readonly target: object;
  readonly tls: boolean;
  readonly connectTimeoutMs: number;
  /**
   * A server that is silent this long in the middle of a request is given up, in milliseconds; 0:
   * never.
   */
  readonly socketTimeoutMs: number;
}

interface Waiting {
  resolve(reply: Buffer): void;
  reject(error: Error): void;
}

/** Far above the server's own limit of 48,000,000 bytes a message: what claims more is no reply. */
const MOST_BYTES = 64 << 20;
/** Header, flags, and an empty document of kind 0. */
const LEAST_BYTES = 16 + 4 + 1 + 5;
const LANDING_BYTES = 64 << 10;

/** A reply as large as a bulk reader asks for, with room for a larger document at its end. */
const REPLY_BYTES = 5 << 20;
const KEPT_REPLIES = 8;
/** Used by one socket after the other: a snapshot opens one for each of its chunks. */
const replies = new BufferPool(REPLY_BYTES, KEPT_REPLIES);

export class BulkSocket {
  readonly duplex: HandshakeDuplex;
  readonly #socket: Socket;
  readonly #socketTimeoutMs: number;
  /** Two, used in turn. */
  readonly #buffers: Buffer[] = [];
  #turn = 0;
  /** The one that comes in; null until its size is known. */
  #reply: Buffer | null = null;
  /**
   * The handshake's bytes and the first ones of each reply land here: the system has to be given
   * room before a request is made.
   */
  readonly #landing = Buffer.allocUnsafeSlow(LANDING_BYTES);
  /** Bytes of the reply that are here. */
  #have = 0;
  #begun = false;
  #waiting: Waiting | null = null;
  #failure: Error | null = null;

  /** Fulfilled when connected. Rejects with the system's error. */
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
   * Sends a whole message and gives back the reply to it, which is overwritten by the reply after
   * the next one, or once the socket is closed. One at a time. Rejects when the connection is lost,
   * or with the reason of `destroy`.
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
   * Ends it, and lets others use its memory: the caller has done with all replies. A connection
   * that fails or is destroyed keeps its memory, since the reply before may still be read.
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

  /** Where the next bytes go; asked for once at the start, and after each reading. */
  #room(): Buffer {
    if (!this.#begun || !this.#waiting) return this.#landing;
    return (this.#reply ?? this.#landing).subarray(this.#have);
  }

  #take(bytes: number): boolean {
    if (!this.#begun) this.duplex.push(Buffer.from(this.#landing.subarray(0, bytes)));
    else if (!this.#waiting) this.#fail(new Error('the server sent what was not asked for'));
    else this.#receive(this.#waiting, bytes);
    return true;
  }

  #receive(waiting: Waiting, bytes: number): void {
    this.#have += bytes;
    if (this.#have < 4) return;
    const size = (this.#reply ?? this.#landing).readInt32LE(0);
    if (size < LEAST_BYTES || size > MOST_BYTES || this.#have > size) {
      this.#fail(new Error('the server sent something else than a reply'));
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
    // One that outgrew the pool gets some room, so that the next reply does not outgrow it again.
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

/** The socket as the driver's handshake wants it. */
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
    // Pushed to by the socket: a handshake's replies are small.
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
