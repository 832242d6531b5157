/**
 * stderr, shared by log lines and by progress lines that redraw themselves. While progress lines
 * are up, they print the log.
 */
import type { LogDestination } from '@waybill/shared/base/logger';

export class Terminal implements LogDestination {
  readonly stream: NodeJS.WriteStream;
  readonly canRedraw: boolean;
  #print: ((line: string) => void) | undefined;

  constructor(stream: NodeJS.WriteStream, canRedraw: boolean) {
    this.stream = stream;
    this.canRedraw = canRedraw;
  }

  write(line: string): void {
    if (this.#print) this.#print(line);
    else this.stream.write(line);
  }

  attach(print: (line: string) => void): void {
    this.#print = print;
  }

  detach(): void {
    this.#print = undefined;
  }
}
