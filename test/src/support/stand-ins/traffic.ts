/** What has passed a stand-in: tests count commands, and see how many were under way at once. */
import type { Request } from './request.ts';

export interface Passed {
  readonly command: string;
  readonly namespace: string;
  readonly statements: number;
  /** Writes under way when this one came, itself among them. */
  readonly underWay: number;
  /** Code of the command, or of its first refused statement; `ok`; `lost`, if it has no answer. */
  answer: number | 'ok' | 'lost';
}

export class Traffic {
  readonly all: Passed[] = [];
  #writing = 0;

  /** Call `end` once with the answer. */
  begin(request: Request): { end(answer: Passed['answer']): void } {
    const isWrite = request.kind !== null;
    if (isWrite) this.#writing++;
    const { command, namespace, statements } = request;
    const passed: Passed = {
      ...{ command, namespace, statements: statements.length },
      underWay: this.#writing,
      answer: 'lost',
    };
    this.all.push(passed);
    return {
      end: (answer) => {
        if (isWrite) this.#writing--;
        passed.answer = answer;
      },
    };
  }

  /** Writes to that collection. */
  writes(namespace: string): readonly Passed[] {
    return this.all.filter(
      ({ command, namespace: at }) => at === namespace && ['insert', 'update', 'delete'].includes(command),
    );
  }

  count(command: string): number {
    return this.all.filter((one) => one.command === command).length;
  }
}
