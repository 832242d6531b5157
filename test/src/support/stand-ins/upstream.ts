/** A client's connection to the server behind a stand-in: one command at a time. */
import { connect, type Socket } from 'node:net';
import { type Message, MessageCutter } from './message.ts';

export class Upstream {
  readonly #socket: Socket;
  #waiting: PromiseWithResolvers<Message> | null = null;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    const cutter = new MessageCutter();
    this.#socket.on('data', (bytes: Buffer) => {
      for (const message of cutter.take(bytes)) this.#waiting?.resolve(message);
    });
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('close', () => this.#waiting?.reject(new Error('the server closed the connection')));
  }

  /** Gives back the reply's document. */
  async ask(bytes: Buffer): Promise<Buffer> {
    this.#waiting = Promise.withResolvers<Message>();
    this.#socket.write(bytes);
    return Buffer.from((await this.#waiting.promise).body);
  }

  tell(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }
}
