import { describe, expect, it } from 'vitest';
import { Acceptance, acceptable, acceptName, acceptOption } from './acceptance.ts';
import { isDifference, type StructureDifference } from './report.ts';

const of = (
  what: StructureDifference['what'],
  namespace: string,
  more: Partial<StructureDifference> = {},
): StructureDifference => ({ namespace, what, detail: 'collection', heldBack: false, ...more });

const view = of('collection-missing', 's.v', { detail: 'view', blocked: 'no such stage' });
const rule = of('options', 's.c', { detail: 'validator', names: ['validator'], blocked: 'no such operator' });
const index = of('index-missing', 's.c', { names: ['i'], blocked: 'no such kind' });
const notes = of('collection-extra', 's.notes');
const mine = of('index-extra', 's.c', { names: ['mine'] });
const other = of('index-renamed', 's.c', { names: ['there', 'here'] });
const wrong = of('index-different', 's.c', { names: ['wrong'] });
const held = of('index-different', 's.c', { names: ['held'], heldBack: true });
const ALL = [view, rule, index, notes, mine, other, wrong, held];

/** What is no difference any more. */
const accepted = (...names: string[]) =>
  Acceptance.of(names)
    .mark(ALL)
    .filter((each) => each.accepted)
    .map(acceptName);

describe('acceptance', () => {
  it('is by name: one part, all of a namespace, or all of a kind, of one side', () => {
    expect(accepted('blocked:s.v')).toEqual(['blocked:s.v']);
    expect(accepted('blocked:s.c.validator')).toEqual(['blocked:s.c.validator']);
    expect(accepted('blocked:s.c')).toEqual(['blocked:s.c.validator', 'blocked:s.c.i']);
    expect(accepted('blocked:index', 'extra:collection')).toEqual(['blocked:s.c.i', 'extra:s.notes']);
    expect(accepted('extra:s.c.here', 'extra:s.c.mine')).toEqual(['extra:s.c.mine', 'extra:s.c.there']);
    expect(accepted('extra:s.v', 'blocked:s.notes', 'blocked:s.c.wrong')).toEqual([]);
    const rest = Acceptance.of(['blocked:s.c', 'blocked:view', 'extra:s.c', 'extra:s.notes']).mark(ALL);
    expect(rest.filter(isDifference)).toEqual([wrong]);
  });

  it('names what there is where a name is of nothing, and takes no word of another form', () => {
    const found = [view, mine, held];
    expect(() => Acceptance.of(['blocked:s.w']).assertKnown(found)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', hint: 'There is: blocked:s.v, extra:s.c.mine.' }),
    );
    expect(() => Acceptance.of(['extra:s.c']).assertKnown([view])).toThrow(
      /--accept extra:s.c names nothing/,
    );
    Acceptance.of(['blocked:s.v', 'extra:index', 'blocked:s.c.held']).assertKnown(found);
    for (const name of ['everything', 'blocked:', 'blocked:collection', 'extra:option', 'missing:s.v'])
      expect(() => Acceptance.of([name])).toThrow(/is not blocked:<name> or extra:<name>/);
  });

  it('covers what the target refuses at the cutover itself where it is named exactly', () => {
    const refused = (...names: string[]) => {
      const acceptance = Acceptance.of(names);
      acceptance.noteRefused('s.c', 'held', 'why');
      return acceptance;
    };
    const known = { ...held, heldBack: false, blocked: 'why' };
    expect(refused('blocked:index', 'blocked:s.c').mark([held])).toEqual([known]);
    expect(refused('blocked:index').takes('s.c', 'held', [held])).toBe(false);
    expect(refused('blocked:s.c.held').mark([held])).toEqual([{ ...known, accepted: true }]);
    expect(refused('blocked:s.c.held').takes('s.c', 'held', [held])).toBe(true);
    // The source's name of one that stands there under another.
    expect(Acceptance.of(['extra:s.c.there']).takes('s.c', 'here', [other])).toBe(true);
  });

  it('is offered as it can be given', () => {
    expect(acceptable(ALL).map(acceptName)).not.toContain('');
    const odd = of('collection-extra', "s.it's");
    const comma = of('index-extra', 's.c', { names: ['a,b'] });
    expect(acceptOption([view, odd, comma])).toBe("blocked:s.v,'extra:s.it'\\''s',extra:s.c");
  });
});
