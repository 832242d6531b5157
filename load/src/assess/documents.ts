import { asBuffer } from '@waybill/shared/bson/raw';
import { documentId, hasTopLevelZeroTimestamp } from '@waybill/shared/bson/statement';
import { DocumentCheck } from '../checks/check-document.ts';
import type { Violation } from '../checks/violation.ts';
import type { CanonicalRules } from '../target/rules/canonical.ts';
import type { DocumentRules } from '../target/rules/documents.ts';
import { CanonicalForm } from '../verify/canonical-form.ts';
import type { FindingTable } from './findings.ts';
import type { IndexEntries } from './index-entries.ts';

/** Counts what a target would refuse or alter of documents: each of a document's faults once. */
export class DocumentFindings {
  readonly #table: FindingTable;
  readonly #check: DocumentCheck | null;
  readonly #form: CanonicalForm | null;
  readonly #entries: IndexEntries | null;
  readonly #mayReplaceTimestamps: boolean;
  /** Of the document in hand. */
  #faults: Violation[] = [];

  constructor(
    table: FindingTable,
    rules: DocumentRules | null,
    canonical: CanonicalRules | null,
    entries: IndexEntries | null,
  ) {
    this.#entries = entries;
    this.#table = table;
    this.#check = rules && new DocumentCheck(rules);
    // The order of options is the check's matter.
    this.#form = canonical && new CanonicalForm({ ...canonical, regexOptions: false });
    this.#mayReplaceTimestamps = canonical?.emptyTimestamps === true;
  }

  look(namespace: string, document: Uint8Array): void {
    this.#check?.eachFault(documentId(document), document, this.#take);
    for (const { rule, type = null } of this.#faults) this.#table.add(rule, type, namespace);
    if (this.#faults.length > 0) this.#faults = [];
    if (this.#entries?.isTooLarge(namespace, document)) this.#table.add('index-entry', null, namespace);
    const bytes = asBuffer(document);
    if (this.#form && this.#form.of(bytes) !== bytes) this.#table.add('value-form', null, namespace);
    if (this.#mayReplaceTimestamps && hasTopLevelZeroTimestamp(document)) {
      this.#table.add('empty-timestamp', null, namespace);
    }
  }

  readonly #take = (fault: Violation): void => {
    if (!this.#faults.some(({ rule, type }) => rule === fault.rule && type === fault.type)) {
      this.#faults.push(fault);
    }
  };
}
