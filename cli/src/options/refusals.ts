/** What the front door says about a name or a value that it does not take. */

import { WaybillError } from '@waybill/shared/base/errors';
import { closest } from '@waybill/shared/base/suggest';
import { environmentName, type OptionName } from './options.ts';
import type { OptionSpec } from './spec/option.ts';

/** CONFIG_UNKNOWN_KEY. `show` writes a name as the user would. */
export function unknownName(
  kind: string,
  name: string,
  known: Iterable<string>,
  show = (text: string) => text,
): WaybillError {
  const guess = closest(name, known);
  return new WaybillError('CONFIG_UNKNOWN_KEY', `unknown ${kind} ${show(name)}`, {
    hint: guess ? `Did you mean ${show(guess)}?` : 'See waybill --help for what there is.',
  });
}

/** CONFIG_INVALID. `where` names the option, and its source if that is not the command line. */
export function invalidValue(
  name: OptionName,
  { example }: OptionSpec,
  where: string,
  problem: string,
): WaybillError {
  return new WaybillError('CONFIG_INVALID', `${where}: ${problem}`, {
    context: { option: name },
    ...(example ? { hint: `For example: --${name} ${example}` } : {}),
  });
}

export function missing(name: OptionName, { example }: OptionSpec): WaybillError {
  return new WaybillError('CONFIG_INVALID', `--${name} is needed`, {
    hint: `Give --${name}${example ? ` ${example}` : ''}, the variable ${environmentName(name)}, or the key ${name} in a --config file.`,
    context: { option: name },
  });
}

export function unreadable(message: string): WaybillError {
  return new WaybillError('CONFIG_UNREADABLE', message, {
    hint: 'Check the name, and that this user may read it.',
  });
}
