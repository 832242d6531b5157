import { expect, test } from 'vitest';
import { renderFigures, withFigures } from './markdown.ts';
import { judge } from './measure.ts';

const measure = judge({
  name: 'load | of the snapshot',
  unit: 's',
  waybill: [4],
  peer: [8],
  peerName: 'mongorestore',
  bound: { direction: 'atMost', must: 0.9, aim: 0.7 },
});
const circumstances = {
  at: '2026-01-02T03:04:05.000Z',
  machine: { processors: 2, model: 'Some CPU', memoryBytes: 24 * 1024 ** 3 },
  node: 'v24.1.0',
  documents: 1000,
  rounds: 3,
};

test('the table replaces what stood between the marks, and nothing else', () => {
  const figures = renderFigures(circumstances, [measure]);
  const page = '# Benchmarks\n<!-- figures -->\nold\n<!-- /figures -->\nend\n';
  const once = withFigures(page, figures);
  expect(once).toBe(`# Benchmarks\n<!-- figures -->\n${figures}\n<!-- /figures -->\nend\n`);
  expect(withFigures(once, figures)).toBe(once);
  expect(figures).toContain(
    '| load \\| of the snapshot | 4.00 s | mongorestore | 8.00 s | 0.50 | ≤ 0.9 | ≤ 0.7 | reaches aim |',
  );
  expect(figures).toContain('Taken 2026-01-02: 2 processors (Some CPU), 24 GiB of memory, Node 24.1.0,');
});

test('what has no bound has empty cells for it', () => {
  const { bound: _, ...unbound } = measure;
  const figures = renderFigures(circumstances, [judge(unbound)]);
  expect(figures).toContain('| load \\| of the snapshot | 4.00 s | mongorestore | 8.00 s | 0.50 |  |  |  |');
});

test('a page without marks is refused', () => {
  expect(() => withFigures('<!-- figures --> and no end', 'x')).toThrow('has no <!-- figures -->');
});
