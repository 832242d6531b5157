import type { Output } from '../commands/command.ts';
import { formatDuration } from '../output/units.ts';

const REDRAW_MS = 150;
const SAY_MS = 5_000;

/** Tells the demo's story: headings and lines on stdout, and one line below them that changes, where there is a terminal. */
export class Narrator implements Disposable {
  readonly #output: Output;
  readonly #silent: boolean;
  readonly #started = performance.now();
  #live: (() => string) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(output: Output, silent: boolean) {
    this.#output = output;
    this.#silent = silent;
  }

  get elapsedMs(): number {
    return performance.now() - this.#started;
  }

  heading(text: string): void {
    this.#print(`\n${this.#output.paint('bold', text)}`);
  }

  line(text: string): void {
    const time = formatDuration(this.elapsedMs).padStart(7);
    this.#print(`${this.#output.paint('dim', time)}  ${text}`);
  }

  /** Whole text, such as a table. */
  block(text: string): void {
    this.#print(text);
  }

  /** Shows what `line` gives, again and again, until the result is disposed. */
  live(line: () => string): Disposable {
    if (this.#silent) return { [Symbol.dispose]: () => undefined };
    this.#live = line;
    const redraws = this.#output.terminal.canRedraw && this.#output.isTerminal;
    this.#timer = setInterval(
      () => (redraws ? this.#draw() : this.line(line())),
      redraws ? REDRAW_MS : SAY_MS,
    );
    this.#timer.unref();
    return { [Symbol.dispose]: () => this.#endLive(redraws) };
  }

  [Symbol.dispose](): void {
    this.#endLive(this.#output.terminal.canRedraw && this.#output.isTerminal);
  }

  #endLive(redraws: boolean): void {
    if (!this.#live) return;
    clearInterval(this.#timer);
    if (redraws) this.#output.terminal.stream.write(ERASE_LINE);
    this.#live = undefined;
  }

  #print(text: string): void {
    if (this.#silent) return;
    const redraws = this.#live && this.#output.terminal.canRedraw && this.#output.isTerminal;
    if (redraws) this.#output.terminal.stream.write(ERASE_LINE);
    this.#output.print(text);
    if (redraws) this.#draw();
  }

  #draw(): void {
    const text = this.#live?.() ?? '';
    const width = this.#output.terminal.stream.columns ?? 100;
    this.#output.terminal.stream.write(`${ERASE_LINE}${text.slice(0, width - 1)}`);
  }
}

const ERASE_LINE = '\r\u001b[2K';
