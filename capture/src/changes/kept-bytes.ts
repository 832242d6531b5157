import type { PackedChangeEvent } from '../event/change-event.ts';
import { readChangeEvent } from '../event/read-change-event.ts';

/** What waits for its commit may keep this many times its own bytes in memory. */
const MOST = 2;

/**
 * Events are places in the reply that brought them, so an event that waits for its commit keeps the
 * whole reply in memory. If only a small part of a reply is kept, that part is copied into one
 * piece of memory. Then the memory in use is the memory that is counted (INV-8). The copy costs
 * less than receiving the reply did.
 */
export function inOwnBytes(
  events: readonly PackedChangeEvent[],
  replyBytes: number,
  isKept: (event: PackedChangeEvent) => boolean,
): readonly PackedChangeEvent[] {
  let kept = 0;
  for (const event of events) if (isKept(event)) kept += event.size;
  if (kept === 0 || kept * MOST >= replyBytes) return events;
  // Not from the pool, whose memory others share.
  const own = Buffer.allocUnsafeSlow(kept);
  let at = 0;
  return events.map((event) => {
    if (!isKept(event)) return event;
    const start = at;
    at += event.source.copy(own, start, event.start, event.start + event.size);
    return readChangeEvent(own, start);
  });
}
