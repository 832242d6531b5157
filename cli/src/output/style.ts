/** Colours: on a terminal only, and never against NO_COLOR. */
import { styleText } from 'node:util';

export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

export function paintFor(stream: { readonly isTTY?: boolean }): Paint {
  const colored = stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  return (style, text) => (colored ? styleText(style, text, { validateStream: false }) : text);
}
