import { WaybillError } from '@waybill/shared/base/errors';
import { silentLogger } from '@waybill/shared/base/logger';
import { createMetrics } from '@waybill/shared/base/metrics';
import { createLoadStats } from '@waybill/shared/base/stats';
import { classifyMongoError } from '@waybill/shared/mongo/driver/classify';
import { describe, expect, it } from 'vitest';
import { Gate } from '../rate/gate.ts';
import { Learnt } from '../target/learnt.ts';
import { NO_RAMP } from '../target/rules/rate.ts';
import type {
  LoadTarget,
  StatementFailure,
  StatementKind,
  WriteBatch,
  WriteResult,
} from '../target/target.ts';
import { type Executed, StatementSender } from './sender.ts';

const scope = {
  namespace: 'a.b',
  source: 'a.b',
  bypassValidation: false,
  keepsOrder: false,
  placement: { paths: [] },
};
const statements = (count: number): Buffer[] => Array.from({ length: count }, (_, n) => Buffer.from([n]));
const failed = (code: number, labels: readonly string[] = []): WaybillError => {
  const error = Object.assign(new Error('no'), { name: 'MongoServerError', code, errorLabels: [...labels] });
  return classifyMongoError(error, { url: 'there', role: 'target' });
};
const refusal = (index: number, code: number): StatementFailure => ({
  index,
  code,
  message: 'no',
  duplicateId: false,
  indexName: undefined,
});

/** Answers each command by its statements. An error is thrown. */
async function execute(
  kind: StatementKind,
  count: number,
  answer: (statements: readonly number[], command: number) => WriteResult | WaybillError | undefined,
  learnt = new Learnt(),
): Promise<Executed & { readonly sent: readonly (readonly number[])[] }> {
  const sent: (readonly number[])[] = [];
  const target = {
    profile: { errors: [] },
    limits: { batchStatements: 1000, batchBytes: 1 << 20 },
    learnt,
    async write(batch: WriteBatch): Promise<WriteResult> {
      const numbers = batch.statements.map(([number]) => number!);
      sent.push(numbers);
      const said = answer(numbers, sent.length);
      if (said instanceof WaybillError) throw said;
      return said ?? { n: numbers.length, failures: [] };
    },
  };
  const { signal } = new AbortController();
  const stats = createLoadStats();
  const sender = new StatementSender({
    target: target as unknown as LoadTarget,
    ownership: { held: async () => undefined, tag: { load: 'default', epoch: 7 } },
    indexes: { free: async () => false, setAside: async () => 'none' },
    gate: new Gate({ workers: 6, rules: NO_RAMP, pace: stats.pace, logger: silentLogger, signal }),
    stats,
    metrics: createMetrics(),
    logger: silentLogger,
    keepLearnt: async () => undefined,
    signal,
  });
  return { ...(await sender.execute(kind, scope, statements(count))), sent };
}

describe('a command that fails as a whole', () => {
  it('is cut until the one document is found, by 2 · log2(n) commands, and its neighbours are written', async () => {
    for (const code of [2, 15, 10334]) {
      const { sent, refused, n } = await execute('insert', 128, (numbers) =>
        numbers.includes(77) ? failed(code) : undefined,
      );
      expect(sent.length).toBe(1 + 2 * Math.log2(128));
      expect(refused).toMatchObject([{ index: 77, failure: { code }, attempts: 1 }]);
      expect(n).toBe(127);
      expect(sent.filter((numbers) => numbers.includes(77))).toHaveLength(1 + Math.log2(128));
    }
  });

  it('is not cut for ever where every document is refused, by a code that nobody has listed', async () => {
    let commands = 0;
    const sending = execute('insert', 128, () => {
      commands++;
      return failed(999_999);
    });
    await expect(sending).rejects.toMatchObject({ code: 'MONGO_COMMAND_FAILED' });
    expect(commands).toBeLessThanOrEqual(Math.log2(128) + 6);
  });

  it('ends the load at once where no retry helps', async () => {
    for (const code of [13, 59, 8000, 40415]) {
      let commands = 0;
      const sending = execute('insert', 8, () => {
        commands++;
        return failed(code);
      });
      await expect(sending).rejects.toMatchObject({ hint: expect.any(String) });
      expect(commands).toBe(1);
    }
  });

  it('ends the load without noise where another process owns it', async () => {
    await expect(execute('update', 8, () => failed(225))).rejects.toMatchObject({ code: 'LOAD_FENCED' });
  });

  it('goes again where it may pass, and by a label too', async () => {
    const { sent, refused } = await execute('update', 8, (_, command) =>
      command === 1 ? failed(112) : command === 2 ? failed(2, ['RetryableError']) : undefined,
    );
    expect(sent.map(({ length }) => length)).toEqual([8, 8, 8]);
    expect(refused).toEqual([]);
  });
});

describe('a target that takes less at once than it says', () => {
  it('is sent no more, from then on', async () => {
    const learnt = new Learnt();
    const most40 = (numbers: readonly number[]): WaybillError | undefined =>
      numbers.length > 40 ? failed(16) : undefined;
    const first = await execute('insert', 128, most40, learnt);
    expect(first.sent.map(({ length }) => length)).toEqual([128, 64, 32, 32, 32, 32]);
    expect(learnt.facts()).toMatchObject([{ what: 'statementsInCommand', value: 32, reason: 'no' }]);
    const second = await execute('insert', 100, most40, learnt);
    expect(second.sent.map(({ length }) => length)).toEqual([25, 25, 25, 25]);
    expect(second.refused).toEqual([]);
  });

  it('is not taken for one because of a single document', async () => {
    const learnt = new Learnt();
    await execute('insert', 128, (numbers) => (numbers.includes(3) ? failed(10334) : undefined), learnt);
    expect(learnt.facts()).toEqual([]);
  });
});

describe('a write concern that was not met', () => {
  const undurable = (code: number): WaybillError =>
    new WaybillError('MONGO_TRANSIENT', 'not durable', { context: { serverCode: code } });

  it('sends again whatever was not refused for good', async () => {
    const { sent, refused, n } = await execute('update', 4, (numbers, command) =>
      command === 1
        ? { n: 3, failures: [refusal(2, 121)], undurable: undurable(64) }
        : { n: numbers.length, failures: [] },
    );
    expect(sent).toEqual([
      [0, 1, 2, 3],
      [0, 1, 3],
    ]);
    expect(refused).toMatchObject([{ index: 2, attempts: 1 }]);
    expect(n).toBe(3);
  });

  it('ends the load where it never can be', async () => {
    const sending = execute('update', 4, () => ({ n: 4, failures: [], undurable: undurable(100) }));
    await expect(sending).rejects.toMatchObject({ hint: expect.stringContaining('write concern') });
  });
});

describe('a refused statement', () => {
  it('is sent once where it is refused for good', async () => {
    const { sent, refused } = await execute('insert', 4, () => ({ n: 3, failures: [refusal(1, 121)] }));
    expect(sent).toHaveLength(1);
    expect(refused).toMatchObject([{ index: 1, attempts: 1, tactic: 'refuse' }]);
  });

  it('goes again alone where it may pass', async () => {
    const { sent } = await execute('insert', 4, (_, command) =>
      command < 3 ? { n: 0, failures: [refusal(command === 1 ? 1 : 0, 112)] } : undefined,
    );
    expect(sent).toEqual([[0, 1, 2, 3], [1], [1]]);
  });

  it('ends the load where the user may not write', async () => {
    const sending = execute('insert', 4, () => ({ n: 3, failures: [refusal(1, 13)] }));
    await expect(sending).rejects.toMatchObject({ code: 'MONGO_UNAUTHORIZED', hint: expect.any(String) });
  });

  it('is done where a delete finds no collection', async () => {
    const { refused } = await execute('delete', 4, () => ({ n: 0, failures: [refusal(1, 26)] }));
    expect(refused).toEqual([]);
  });
});
