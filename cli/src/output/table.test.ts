import { expect, it } from 'vitest';
import { renderTable } from './table.ts';

it('aligns columns and leaves no spaces at the ends of lines', () => {
  const text = renderTable(
    [{ head: 'collection' }, { head: 'documents', align: 'right' }, { head: 'note' }],
    [
      ['shop.orders', '1,234', ''],
      ['shop.a', '5', 'done'],
    ],
    (_style, each) => each,
  );
  expect(text.split('\n')).toEqual([
    'collection   documents  note',
    'shop.orders      1,234',
    'shop.a               5  done',
  ]);
});
