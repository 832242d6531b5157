export function secondsSince(then: number, now: number): number {
  return Math.max(0, Math.round((now - then) / 1000));
}

export function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
