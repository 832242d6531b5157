import type { DdlEvent, DdlOperation } from '@waybill/shared/manifest/commit';
import { describe, expect, it } from 'vitest';
import { namesAtT0 } from './names-at-t0.ts';

const event = (operation: DdlOperation, namespace: string, uuid: string | null, to?: string): DdlEvent => ({
  operation,
  namespace,
  ...(to !== undefined && { to }),
  collectionUuid: uuid,
  clusterTime: '1:1',
  wallTime: null,
  description: null,
});

const listed = (...entries: [string, string | null][]) =>
  entries.map(([namespace, uuid]) => ({ namespace, uuid }));
const mapped = (...args: Parameters<typeof namesAtT0>) => Object.fromEntries(namesAtT0(...args));

describe('namesAtT0 by uuid', () => {
  it('leaves names alone where nothing happened', () => {
    expect(mapped(listed(['s.a', '1'], ['s.view', null]), [])).toEqual({ 's.a': 's.a', 's.view': 's.view' });
  });

  it('leaves out what was created, also when it was renamed afterwards', () => {
    const events = [event('create', 's.new', '2'), event('rename', 's.new', '2', 's.other')];
    expect(mapped(listed(['s.a', '1'], ['s.other', '2']), events)).toEqual({ 's.a': 's.a', 's.other': null });
  });

  it('gives a renamed one its first name, and the newcomer under that name none', () => {
    const events = [
      event('rename', 's.a', '1', 's.b'),
      event('create', 's.a', '2'),
      event('rename', 's.b', '1', 's.c'),
    ];
    expect(mapped(listed(['s.c', '1'], ['s.a', '2']), events)).toEqual({ 's.c': 's.a', 's.a': null });
  });

  it('takes a view as new where one was created', () => {
    const events = [event('drop', 's.a', '1'), event('create', 's.a', null)];
    expect(mapped(listed(['s.a', null], ['s.view', null]), events)).toEqual({
      's.a': null,
      's.view': 's.view',
    });
  });

  it('is right where the listing was made before the rename', () => {
    expect(mapped(listed(['s.a', '1']), [event('rename', 's.a', '1', 's.b')])).toEqual({ 's.a': 's.a' });
  });
});

describe('namesAtT0 of a sharded cluster', () => {
  it('keeps a collection that was made anew elsewhere under its name', () => {
    const events = [event('create', 's.a', '2'), event('drop', 's.a', '1'), event('create', 's.a', '3')];
    expect(mapped(listed(['s.a', '3']), events, true)).toEqual({ 's.a': 's.a' });
    expect(mapped(listed(['s.a', '3']), events, false)).toEqual({ 's.a': null });
  });

  it('leaves out what was created behind a drop or a rename', () => {
    const dropped = [event('drop', 's.a', '1'), event('create', 's.a', '2')];
    expect(mapped(listed(['s.a', '2']), dropped, true)).toEqual({ 's.a': null });
    const movedThenDropped = [
      event('create', 's.a', '2'),
      event('drop', 's.a', '2'),
      event('create', 's.a', '3'),
    ];
    expect(mapped(listed(['s.a', '3']), movedThenDropped, true)).toEqual({ 's.a': null });
    const renamed = [event('rename', 's.a', '1', 's.b'), event('create', 's.a', '2')];
    expect(mapped(listed(['s.a', '2'], ['s.b', '1']), renamed, true)).toEqual({ 's.a': null, 's.b': 's.a' });
  });
});

describe('namesAtT0 by name, as before 6.0', () => {
  it('goes back through renames', () => {
    const events = [event('rename', 's.a', null, 's.b'), event('rename', 's.b', null, 's.c')];
    expect(mapped(listed(['s.c', '1'], ['s.a', '2']), events)).toEqual({ 's.c': 's.a', 's.a': null });
  });

  it('takes what stands where something was dropped as born later', () => {
    expect(mapped(listed(['s.a', '2'], ['s.b', '3']), [event('drop', 's.a', null)])).toEqual({
      's.a': null,
      's.b': 's.b',
    });
  });

  it('takes everything of a dropped database as born later', () => {
    expect(mapped(listed(['s.a', '2'], ['t.a', '3']), [event('dropDatabase', 's', null)])).toEqual({
      's.a': null,
      't.a': 't.a',
    });
  });

  it('is right where the listing was made before the rename', () => {
    expect(mapped(listed(['s.a', '1']), [event('rename', 's.a', null, 's.b')])).toEqual({ 's.a': 's.a' });
  });

  it('cannot tell a rename that came after the listing where both names stood: reading behind the rename repairs it', () => {
    const events = [event('rename', 's.a', null, 's.b')];
    expect(mapped(listed(['s.a', '1'], ['s.b', '2']), events)).toEqual({ 's.a': null, 's.b': 's.a' });
  });
});
