/**
 * The order in which segments are taken for a target that stores neighbouring `_id`s together: each
 * one far from the last, and collections in turn. Written in the order of `_id`, a collection would
 * load one part of such a target after the other, and leave the rest idle. Pure, and the same for
 * the same segments.
 */
import type { SegmentEntry } from '@waybill/shared/manifest/commit';

interface Pending {
  readonly namespace: string;
  /** In the order of `_id`: by chunk, and by part within it. */
  readonly segments: SegmentEntry[];
  /** Of documents: all so far, and those still here. */
  bytes: number;
  bytesLeft: number;
  taken: number;
}

export class SpreadOrder {
  readonly #keepsOrder: (namespace: string) => boolean;
  readonly #pending = new Map<string, Pending>();
  #size = 0;

  /** `keepsOrder`: the segments of these collections stay in the order in which they came. */
  constructor(keepsOrder: (namespace: string) => boolean) {
    this.#keepsOrder = keepsOrder;
  }

  get size(): number {
    return this.#size;
  }

  add(segment: SegmentEntry): void {
    const { namespace = '', documentBytes } = segment;
    let pending = this.#pending.get(namespace);
    if (!pending) {
      pending = { namespace, segments: [], bytes: 0, bytesLeft: 0, taken: 0 };
      this.#pending.set(namespace, pending);
    }
    const { segments } = pending;
    const after = this.#keepsOrder(namespace) ? -1 : segments.findIndex((each) => isBefore(segment, each));
    segments.splice(after < 0 ? segments.length : after, 0, segment);
    pending.bytes += documentBytes;
    pending.bytesLeft += documentBytes;
    this.#size++;
  }

  /** Undefined where there is none. */
  take(): SegmentEntry | undefined {
    let next: Pending | undefined;
    for (const pending of this.#pending.values()) {
      if (pending.segments.length > 0 && (!next || comesBefore(pending, next))) next = pending;
    }
    if (!next) return undefined;
    const { namespace, segments } = next;
    const at = this.#keepsOrder(namespace) ? 0 : Math.floor(spread(next.taken) * segments.length);
    const [segment] = segments.splice(at, 1);
    next.taken++;
    next.bytesLeft -= segment!.documentBytes;
    this.#size--;
    return segment;
  }
}

/** The collection with the largest share left, so that all of them end at about the same time. */
function comesBefore(a: Pending, b: Pending): boolean {
  const shareOf = ({ bytes, bytesLeft }: Pending): number => (bytes > 0 ? bytesLeft / bytes : 1);
  const [ofA, ofB] = [shareOf(a), shareOf(b)];
  if (ofA !== ofB) return ofA > ofB;
  return a.bytes === b.bytes ? a.namespace < b.namespace : a.bytes > b.bytes;
}

function isBefore(a: SegmentEntry, b: SegmentEntry): boolean {
  const byChunk = (a.chunk ?? 0) - (b.chunk ?? 0);
  return byChunk === 0 ? (a.part ?? 0) < (b.part ?? 0) : byChunk < 0;
}

/** 0, 1/2, 1/4, 3/4, 1/8, 5/8, …: each number in the widest gap that those before it have left. */
function spread(index: number): number {
  let share = 0;
  let step = 0.5;
  for (let left = index; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) share += step;
    step /= 2;
  }
  return share;
}
