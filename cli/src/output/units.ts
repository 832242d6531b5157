/** Numbers for people. */

const COUNT_UNITS = ['', 'k', 'M', 'G', 'T'] as const;
const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** Three digits at most before the unit: 0 B, 12.3 KiB, 456 MiB. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.5 would be shown as 1000, so the next unit begins there.
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : threeDigits(value)} ${BYTE_UNITS[unit]}`;
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** 1,234,567 */
export function formatCount(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** 1 record, 1,200 records. */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${formatCount(number)} ${number === 1 ? one : many}`;
}

/** Three digits at most before the unit: 950, 12.3 k, 4.0 M. */
export function formatShortCount(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < COUNT_UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? String(Math.round(value)) : `${threeDigits(value)} ${COUNT_UNITS[unit]}`;
}

/** 850 ms, 12.3 s, 4m 05s, 2h 03m, 3d 04h */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${threeDigits(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`;
}

/** 0 % to 100 %. It is 100 only when it is all. */
export function formatShare(part: number, whole: number): string {
  if (whole <= 0) return part > 0 ? '100 %' : '0 %';
  return `${Math.min(part >= whole ? 100 : 99, Math.floor((part / whole) * 100))} %`;
}

function threeDigits(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  return value.toFixed(1);
}

const two = (value: number): string => String(value).padStart(2, '0');
