const UNDERSCORE = 0x5f;

/** Begins and ends with two underscores: the pattern `__.*__`, which needs four characters. */
export function isReserved(b: Uint8Array, from: number, to: number): boolean {
  return (
    to - from >= 4 &&
    b[from] === UNDERSCORE &&
    b[from + 1] === UNDERSCORE &&
    b[to - 1] === UNDERSCORE &&
    b[to - 2] === UNDERSCORE
  );
}
