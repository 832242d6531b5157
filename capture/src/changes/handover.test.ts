import { clusterTime } from '@waybill/shared/base/position';
import { positionAt } from '@waybill/shared/manifest/position';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { synthetic } from '../catalog/synthetic-ddl.ts';
import type { ChangePipeline } from '../commit/change-pipeline.ts';
import type { PipelineUnit } from '../commit/units.ts';
import { Handover } from './handover.ts';
import { Sealer } from './sealing.ts';

const T0 = clusterTime(1000, 1);
const IDLE_MS = 10_000;
const INTERVAL_MS = 1000;

function setUp(push: (unit: PipelineUnit) => Promise<void> = async () => undefined) {
  const pushed: PipelineUnit[] = [];
  const pipeline = {
    push: async (unit: PipelineUnit) => {
      await push(unit);
      pushed.push(unit);
    },
  } as Partial<ChangePipeline> as ChangePipeline;
  const limits = { commitSize: 1e6, transactionBytes: 1e6, commitInterval: INTERVAL_MS };
  const sealer = new Sealer(limits, positionAt(T0, Buffer.from('t0')));
  return { pushed, sealer, handover: new Handover(pipeline, sealer, IDLE_MS) };
}

const drop = (second: number) => synthetic('drop', 's.a', clusterTime(second, 1));
const add = (sealer: Sealer, second: number): void => {
  const at = { time: clusterTime(second, 1), token: Buffer.from(`t${second}`) };
  expect(sealer.addDdl(drop(second), null, at, performance.now())).toEqual([]);
};

describe('the handover', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => vi.useRealTimers());

  it('hands on one unit after the other, and stops whoever makes them while the pipeline is full', async () => {
    const full = Promise.withResolvers<void>();
    const { handover, pushed } = setUp(() => full.promise);
    const made: number[] = [];
    const units = async function* (): AsyncGenerator<PipelineUnit> {
      for (const second of [1001, 1002]) {
        made.push(second);
        yield { kind: 'position', position: positionAt(clusterTime(second, 1)) };
      }
    };
    const taking = handover.take(units());
    await new Promise(setImmediate);
    expect([made, pushed]).toEqual([[1001], []]);
    full.resolve();
    await taking;
    expect(made).toEqual([1001, 1002]);
    expect(pushed.map(({ position }) => position.clusterTime)).toEqual(
      [1001, 1002].map((second) => clusterTime(second, 1)),
    );
  });

  it('ends whoever makes the units when the pipeline has failed', async () => {
    const { handover } = setUp(async () => {
      throw new Error('failed');
    });
    let ended = false;
    const units = async function* (): AsyncGenerator<PipelineUnit> {
      try {
        yield { kind: 'position', position: positionAt(T0) };
        expect.unreachable();
      } finally {
        ended = true;
      }
    };
    await expect(handover.take(units())).rejects.toThrow('failed');
    expect(ended).toBe(true);
  });

  it('hands on what has waited for its interval, and not before', async () => {
    const { handover, sealer, pushed } = setUp();
    add(sealer, 1001);
    await handover.takeDue();
    expect(pushed).toEqual([]);
    vi.advanceTimersByTime(INTERVAL_MS);
    expect(handover.dueAt()).toBe(performance.now());
    await handover.takeDue();
    expect(pushed).toMatchObject([{ kind: 'ddl', position: { clusterTime: clusterTime(1001, 1) } }]);
  });

  it('hands on the position of an idle stream once, and again when it has moved', async () => {
    const { handover, sealer, pushed } = setUp();
    vi.advanceTimersByTime(IDLE_MS);
    await handover.takeDue();
    expect(pushed).toMatchObject([{ kind: 'position', position: { clusterTime: T0 } }]);
    expect(handover.dueAt()).toBe(performance.now() + IDLE_MS);
    vi.advanceTimersByTime(IDLE_MS);
    await handover.takeDue();
    expect(pushed).toHaveLength(1);
    sealer.batchEnded(Buffer.from('later'), clusterTime(1020, 1), true);
    vi.advanceTimersByTime(IDLE_MS);
    await handover.takeDue();
    expect(pushed.at(-1)).toMatchObject({
      kind: 'position',
      position: { clusterTime: clusterTime(1020, 1) },
    });
  });

  it('puts a position after everything that is flushed before it', async () => {
    const { handover, sealer, pushed } = setUp();
    add(sealer, 1001);
    await handover.flush();
    const onCommitted = (): void => undefined;
    await handover.position(onCommitted);
    expect(pushed.map(({ kind }) => kind)).toEqual(['ddl', 'position']);
    expect(pushed.at(-1)).toMatchObject({ onCommitted });
  });
});
