/** By which statements a kind of target takes documents that a plain replacement cannot hold. */

export interface WriteForms {
  /**
   * For a document with names that begin with `$`: a server takes such a replacement for update
   * operators, or refuses it. pipeline: an update with `$replaceWith` and `$literal`, once a
   * replacement was refused. insert: nothing but an insert brings such a name there, so what stands
   * there is deleted first. either: a pipeline where the target turns out to take one, otherwise an
   * insert.
   */
  readonly dollarNames: 'pipeline' | 'insert' | 'either';
}

/** What MongoDB takes. */
export const ANY_FORM: WriteForms = { dollarNames: 'pipeline' };

/** Whether such documents go as inserts. */
export function insertsDollarNames(
  { dollarNames }: WriteForms,
  { updatesByPipeline }: { readonly updatesByPipeline: boolean },
): boolean {
  return dollarNames === 'insert' || (dollarNames === 'either' && !updatesByPipeline);
}
