/**
 * Lines at the foot of a terminal that redraw themselves. Everything else that is written to the
 * terminal meanwhile goes above them: log lines through {@link Terminal}, the rest through
 * {@link LiveLines.above}.
 */
import { createRequire } from 'node:module';
import type { createLogUpdate as CreateLogUpdate } from 'log-update';
import type { Terminal } from './terminal.ts';

const REDRAW_MS = 250;
const DEFAULT_COLUMNS = 80;

/**
 * Redraws what it is called with. The library is loaded here, since a start without a terminal
 * should not wait for it. The cursor stays: hiding it would bring signal handlers, and signals are
 * ours (stopSignal).
 */
export function createLogUpdate(stream: NodeJS.WriteStream): ReturnType<typeof CreateLogUpdate> {
  const library = createRequire(import.meta.url)('log-update') as {
    readonly createLogUpdate: typeof CreateLogUpdate;
  };
  return library.createLogUpdate(stream, { showCursor: true });
}

export class LiveLines implements Disposable {
  readonly #terminal: Terminal;
  readonly #texts: readonly ((columns: number) => string)[];
  readonly #update: ReturnType<typeof createLogUpdate>;
  readonly #timer: NodeJS.Timeout;
  #drawn = true;

  /** Each text gets the number of columns, and is cut there. */
  constructor(terminal: Terminal, texts: readonly ((columns: number) => string)[]) {
    this.#terminal = terminal;
    this.#texts = texts;
    this.#update = createLogUpdate(terminal.stream);
    this.#draw();
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
    this.#timer.unref();
    terminal.attach((line) => this.above(() => terminal.stream.write(line)));
  }

  /** Takes the lines away, lets `write` write whole lines, and draws them again below. */
  above(write: () => void): void {
    if (this.#drawn) this.#update.clear();
    write();
    if (this.#drawn) this.#draw();
  }

  /** Disposing twice is fine. */
  [Symbol.dispose](): void {
    if (!this.#drawn) return;
    this.#drawn = false;
    clearInterval(this.#timer);
    this.#terminal.detach();
    this.#update.clear();
    this.#update.done();
  }

  #draw(): void {
    // One column less: some terminals wrap at the last column.
    const columns = (this.#terminal.stream.columns || DEFAULT_COLUMNS) - 1;
    this.#update(this.#texts.map((text) => text(columns).slice(0, columns)).join('\n'));
  }
}
