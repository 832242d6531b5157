/** Computes what `waybill status` knows from the folded logs and the target's progress. Pure. */
import { SAME_NAMES } from '@waybill/load/mapping/name-mapping';
import { mappingOf } from '@waybill/load/mapping/settle-mapping';
import { EVERYTHING, recordedFilter, takesOf } from '@waybill/load/settings/load-filter';
import { type CaptureInput, captureOf } from './capture.ts';
import { collectionsOf } from './collections.ts';
import { type LoadInput, loadOf } from './load.ts';
import type { Status } from './shape.ts';

export interface StatusInput extends CaptureInput {
  readonly bucket: string;
  readonly load: LoadInput | null;
  readonly unreachable?: Status['unreachable'];
}

export function statusOf(input: StatusInput): Status {
  const { identity, stream, load } = input;
  const filter = (load && recordedFilter(load.log)) ?? EVERYTHING;
  const takes = takesOf(filter);
  const mapping = load ? mappingOf(load.log) : SAME_NAMES;
  const collections = collectionsOf(stream, load?.progress ?? null, takes, mapping);
  const milestones = [
    ...stream.milestones.map((each) => ({ ...each, of: 'capture' as const })),
    ...(load?.log.milestones ?? []).map((each) => ({ ...each, of: 'load' as const })),
  ];
  return {
    stream: identity.stream,
    bucket: input.bucket,
    source: `${identity.sourceTopology} ${identity.source}`,
    format: `${identity.format} ${identity.codec}`,
    lanes: identity.lanes,
    unreachable: input.unreachable ?? [],
    capture: captureOf(input, collections),
    load: load && load.log.seq > 0 ? loadOf(stream, load, { ...filter, map: mapping.texts }, takes) : null,
    collections,
    milestones: milestones.sort((a, b) => Date.parse(a.at) - Date.parse(b.at)),
  };
}
