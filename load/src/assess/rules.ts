/**
 * What an assessment can find, each with what it means and what to do. A rule of a document has the
 * name that a refusal of the load has.
 */
import type { DocumentRule } from '../checks/violation.ts';

/**
 * refused: the target would not have it. altered: it would have it in another form. note: to be
 * known.
 */
export type FindingLevel = 'refused' | 'altered' | 'note';

type StructureRule =
  | 'collection-name'
  | 'capped'
  | 'collection-option'
  | 'view'
  | 'time-series'
  | 'index-refused'
  | 'index-altered'
  | 'index-skipped'
  | 'index-count'
  | 'rename'
  | 'modify'
  | 'several-databases'
  | 'other-database'
  | 'name-collision'
  | 'database-case';

export type AssessRule = DocumentRule | 'index-entry' | 'value-form' | 'empty-timestamp' | StructureRule;

export interface RuleText {
  readonly level: FindingLevel;
  /** What is counted. */
  readonly of: 'documents' | 'collections' | 'views' | 'indexes' | 'changes' | 'names' | 'databases';
  readonly what: string;
  readonly advice: string;
}

const LEAVE_OUT = 'or leave the collections out of the load (--exclude)';
const ASIDE = 'put them aside as dead letters (--max-dead-letters)';
const MEND = `Change these documents on the source, ${ASIDE}, ${LEAVE_OUT}.`;
const document = (what: string, advice = MEND): RuleText => ({
  level: 'refused',
  of: 'documents',
  what,
  advice,
});

export const RULES: Readonly<Record<AssessRule, RuleText>> = {
  'id-type': document(
    'type of _id',
    `Give these documents other _ids on the source, ${ASIDE}, ${LEAVE_OUT}.`,
  ),
  'id-size': document('_id too large'),
  'id-name': document('_id reserved, or no UTF-8'),
  'field-name': document('name of a field'),
  'field-name-size': document('name of a field too long'),
  'field-path-size': document('path to a field too long'),
  depth: document('nested too deep'),
  'nested-array': document('array inside an array'),
  'bson-type': document('type of value'),
  'text-encoding': document('text that is not UTF-8'),
  'double-value': document('NaN or infinity'),
  'date-range': document('date out of range'),
  'regex-options': document('option of a regular expression'),
  'document-size': document('document too large'),
  'index-entry': document(
    'value too large for its index',
    `Leave the indexes out (--indexes none), change these documents on the source, or ${ASIDE}.`,
  ),
  'regex-order': {
    level: 'altered',
    of: 'documents',
    what: 'order of options of a regular expression',
    advice: 'Nothing: the load puts them in order, and they mean the same.',
  },
  'value-form': {
    level: 'altered',
    of: 'documents',
    what: 'value kept in another form',
    advice: 'Nothing: it means the same. verify counts these documents apart.',
  },
  'empty-timestamp': {
    level: 'note',
    of: 'documents',
    what: 'Timestamp(0,0) in a field',
    advice: 'The target may put its own time there. verify takes any timestamp in its place.',
  },
  'collection-name': {
    level: 'refused',
    of: 'collections',
    what: 'name of a collection',
    advice: `Give it another name by --map, ${LEAVE_OUT}. The load stops before it writes anything.`,
  },
  capped: {
    level: 'refused',
    of: 'collections',
    what: 'capped collection',
    advice: `Copy the documents into an ordinary collection on the source, ${LEAVE_OUT}. The load stops before it writes anything.`,
  },
  'collection-option': {
    level: 'refused',
    of: 'collections',
    what: 'option of a collection',
    advice:
      'The load makes the collection without it. Accept that in the cutover (--accept blocked:option), and see that the application does what the option did.',
  },
  view: {
    level: 'refused',
    of: 'views',
    what: 'view',
    advice:
      'The load goes on without it. Accept that in the cutover (--accept blocked:view), and let the application run the pipeline.',
  },
  'time-series': {
    level: 'note',
    of: 'collections',
    what: 'time-series collection',
    advice: 'Change streams do not tell of its measurements. See docs/sources.md.',
  },
  'index-refused': {
    level: 'refused',
    of: 'indexes',
    what: 'index',
    advice:
      'The load goes on without it. Accept that in the cutover (--accept blocked:index), and see that queries do without it.',
  },
  'index-altered': {
    level: 'altered',
    of: 'indexes',
    what: 'index in another form',
    advice: 'Nothing: the load says what it changes.',
  },
  'index-skipped': {
    level: 'note',
    of: 'indexes',
    what: 'index of a kind that is gone',
    advice: 'Nothing: the load leaves it out, and says so.',
  },
  'index-count': {
    level: 'refused',
    of: 'collections',
    what: 'too many indexes of a collection',
    advice: 'Drop indexes of the collection on the source.',
  },
  rename: {
    level: 'refused',
    of: 'changes',
    what: 'rename of a collection',
    advice: 'Capture into a new stream, and rename no collection while it runs.',
  },
  modify: {
    level: 'refused',
    of: 'changes',
    what: 'collMod',
    advice: 'The load goes on without the change. Accept that in the cutover (--accept blocked:option).',
  },
  'several-databases': {
    level: 'refused',
    of: 'databases',
    what: 'more than one database',
    advice:
      "A load reaches one database of the target. Join them by --map, for instance --map '*.*=main.{db}_{coll}'. Or load each into one of its own (--load and --include).",
  },
  'other-database': {
    level: 'refused',
    of: 'databases',
    what: 'database that the target cannot have',
    advice:
      "The connection string names the one database that can be reached. Give these collections names in it by --map, for instance --map 'shop.*=main.*'.",
  },
  'name-collision': {
    level: 'refused',
    of: 'names',
    what: 'same name on the target',
    advice: "Give each a name of its own by --map, for instance --map '*.*=main.{db}_{coll}'.",
  },
  'database-case': {
    level: 'refused',
    of: 'databases',
    what: 'databases that differ in capital letters alone',
    advice: 'Give one of them another name by --map.',
  },
};
