import type { Presentation } from './presentation.ts';

const REDRAW_MS = 150;
const SAY_MS = 5_000;

/**
 * Tells the demo's story: headings and lines on stdout, and one line below them that changes, where
 * there is a terminal.
 */
export class Narrator implements Disposable {
  readonly #show: Presentation;
  readonly #silent: boolean;
  readonly #started = performance.now();
  #live: (() => string) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(show: Presentation, silent: boolean) {
    this.#show = show;
    this.#silent = silent;
  }

  get elapsedMs(): number {
    return performance.now() - this.#started;
  }

  heading(text: string): void {
    this.#print(`\n${this.#show.paint('bold', text)}`);
  }

  line(text: string): void {
    const time = this.#show.duration(this.elapsedMs).padStart(7);
    this.#print(`${this.#show.paint('dim', time)}  ${text}`);
  }

  /** Whole text, such as a table. */
  block(text: string): void {
    this.#print(text);
  }

  /** Shows what `line` gives, again and again, until the result is disposed. */
  live(line: () => string): Disposable {
    if (this.#silent) return { [Symbol.dispose]: () => undefined };
    this.#live = line;
    const redraws = this.#show.redraws;
    this.#timer = setInterval(
      () => (redraws ? this.#draw() : this.line(line())),
      redraws ? REDRAW_MS : SAY_MS,
    );
    this.#timer.unref();
    return { [Symbol.dispose]: () => this.#endLive(redraws) };
  }

  [Symbol.dispose](): void {
    this.#endLive(this.#show.redraws);
  }

  #endLive(redraws: boolean): void {
    if (!this.#live) return;
    clearInterval(this.#timer);
    if (redraws) this.#show.stream.write(ERASE_LINE);
    this.#live = undefined;
  }

  #print(text: string): void {
    if (this.#silent) return;
    const redraws = this.#live && this.#show.redraws;
    if (redraws) this.#show.stream.write(ERASE_LINE);
    this.#show.print(text);
    if (redraws) this.#draw();
  }

  #draw(): void {
    const text = this.#live?.() ?? '';
    const width = this.#show.stream.columns ?? 100;
    this.#show.stream.write(`${ERASE_LINE}${text.slice(0, width - 1)}`);
  }
}

const ERASE_LINE = '\r\u001b[2K';
