import { basename } from 'node:path';

/**
 * The command that a user types to run this one again. In a checkout npm runs it. An installed one
 * is a command of its own. Otherwise it is the file that was started.
 */
export function commandToType(
  started: string = process.argv[1] ?? '',
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  if (environment.npm_execpath !== undefined) return 'npx waybill';
  if (basename(started) === 'waybill') return 'waybill';
  return `node ${/^[\w./-]+$/.test(started) ? started : JSON.stringify(started)}`;
}
