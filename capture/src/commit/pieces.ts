/** Cuts a list into parts that each make a commit of moderate size. */
export function* pieces<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}
