import { basename } from 'node:path';

/**
 * How a user gets this command again where it runs now: of a checkout npm runs it, installed it is
 * a command of its own, and else it is the file that was started.
 */
export function commandToType(
  started: string = process.argv[1] ?? '',
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  if (environment.npm_execpath !== undefined) return 'npx waybill';
  if (basename(started) === 'waybill') return 'waybill';
  return `node ${/^[\w./-]+$/.test(started) ? started : JSON.stringify(started)}`;
}
