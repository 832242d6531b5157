import type { LiveLine, Presentation } from './presentation.ts';

const SAY_MS = 5_000;

/**
 * Tells the demo's story: headings and lines on stdout, and below them one line that changes.
 * Without a terminal it prints that line every five seconds.
 */
export class Narrator implements Disposable {
  readonly #show: Presentation;
  readonly #silent: boolean;
  readonly #started = performance.now();
  #live: LiveLine | undefined;

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

  /** Shows what `line` returns, again and again, until the result is disposed. */
  live(line: () => string): Disposable {
    if (this.#silent) return { [Symbol.dispose]: () => undefined };
    this.#live = this.#show.live(line) ?? this.#sayAgain(line);
    return { [Symbol.dispose]: () => this[Symbol.dispose]() };
  }

  [Symbol.dispose](): void {
    this.#live?.[Symbol.dispose]();
    this.#live = undefined;
  }

  #sayAgain(line: () => string): LiveLine {
    const timer = setInterval(() => this.line(line()), SAY_MS);
    timer.unref();
    return { above: (write) => write(), [Symbol.dispose]: () => clearInterval(timer) };
  }

  #print(text: string): void {
    if (this.#silent) return;
    const write = (): void => this.#show.print(text);
    if (this.#live) this.#live.above(write);
    else write();
  }
}
