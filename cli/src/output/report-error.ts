/** The only place that turns an error into what the user sees and into the exit code. */
import { WaybillError } from '@waybill/shared/base/errors';
import { describeError } from '@waybill/shared/base/logger';
import { printable, printableLines } from '@waybill/shared/base/printable';
import { redact } from '@waybill/shared/base/secret';
import { stamped } from './stamped.ts';
import type { Paint } from './style.ts';

export interface ReportOptions {
  readonly json: boolean;
  readonly paint: Paint;
  /** WAYBILL_DEBUG: stacks and causes of every error. */
  readonly debug: boolean;
  readonly write: (text: string) => void;
}

/** Writes the error and returns the exit code. */
export function reportError(error: unknown, options: ReportOptions): number {
  const known = error instanceof WaybillError ? error : internal(error);
  options.write(
    options.json
      ? `${printableLines(JSON.stringify(stamped({ error: asJson(known) })))}\n`
      : asText(known, options),
  );
  return known.exitCode;
}

function internal(error: unknown): WaybillError {
  const message = error instanceof Error ? error.message : String(error);
  return new WaybillError('INTERNAL', message || 'an error without a message', {
    cause: error,
    hint: 'This is a defect in Waybill. Please report it with the lines above.',
  });
}

function asJson(error: WaybillError): Record<string, unknown> {
  return { ...describeError(error), kind: error.kind, exitCode: error.exitCode };
}

function asText(error: WaybillError, { paint, debug }: ReportOptions): string {
  const lines = [
    `${paint(['red', 'bold'], 'error:')} ${shown(error.message)}`,
    `${paint('dim', 'code:')} ${error.code}`,
  ];
  const concerns = Object.entries(error.context).filter(([, value]) => value !== undefined);
  if (concerns.length > 0) {
    lines.push(
      `${paint('dim', 'concerns:')} ${concerns.map(([name, value]) => `${name}=${shown(String(value))}`).join(' ')}`,
    );
  }
  if (error.hint) lines.push(`${paint('dim', 'hint:')} ${shown(error.hint)}`);
  if (debug || error.code === 'INTERNAL') lines.push(...stacks(error));
  return `${lines.join('\n')}\n`;
}

/** Makes text safe to show on one line: anybody may have written what it quotes. */
function shown(text: string): string {
  return printable(redact(text));
}

/**
 * The stacks of the error and its causes. If it wraps a foreign error, that error's own stack says
 * all.
 */
function stacks(error: WaybillError): string[] {
  const result: string[] = [];
  for (let each: unknown = error; each instanceof Error && result.length < 5; each = each.cause) {
    result.push(printableLines(redact(each.stack ?? `${each.name}: ${each.message}`)));
  }
  return result;
}
