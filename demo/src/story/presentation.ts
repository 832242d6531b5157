/**
 * How the demo shows things. The command line supplies it, since the demo stands below the command
 * line and imports nothing of it. So tables, counts and verifications look the same in both.
 */
import type { VerifyReport } from '@waybill/load/verify/report';

export type Paint = (style: 'bold' | 'dim', text: string) => string;

export interface Column {
  readonly head: string;
  readonly align?: 'left' | 'right';
}

export interface LiveLine extends Disposable {
  /** Lets `write` print whole lines above the one that changes. */
  above(write: () => void): void;
}

export interface Presentation {
  /** Prints to stdout. */
  print(text: string): void;
  printJson(value: unknown): void;
  readonly paint: Paint;
  /** Redraws a line at the foot of the terminal; null where there is none. */
  live(line: () => string): LiveLine | null;
  count(count: number): string;
  /** Milliseconds as text. */
  duration(ms: number): string;
  /** A bar for a share from 0 to 1. */
  bar(share: number): string;
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): string;
  verification(report: VerifyReport): string;
}

export interface DemoContext {
  readonly json: boolean;
  /** Keep both servers until the signal aborts. */
  readonly keep: boolean;
  readonly signal: AbortSignal;
  readonly show: Presentation;
  /** The launcher of the command line: the demo runs its commands as processes of their own. */
  readonly launcher: string;
  /** The command line as a user types it. */
  readonly commandToType: string;
}
