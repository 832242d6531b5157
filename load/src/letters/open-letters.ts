/**
 * Which letters are open, by document. There is at most one for each: a later record of the
 * document takes its place. Built from the lines of the load's files, and then kept up to date by
 * whoever writes them. About 300 bytes for each letter. Pure.
 */
import type { RawElement } from '@waybill/shared/bson/raw';
import type { LetterEnd } from '@waybill/shared/manifest/dead-letter-file';
import { hashOfId, type IndexLine, keyOfId, type Letter } from './letter.ts';

export interface Ended {
  readonly letter: Letter;
  readonly as: LetterEnd;
}

export class OpenLetters {
  readonly #byNumber = new Map<number, Letter>();
  /** By namespace, then by {@link hashOfId}. */
  readonly #byDocument = new Map<string, Map<number, Letter[]>>();

  get size(): number {
    return this.#byNumber.size;
  }

  all(): IterableIterator<Letter> {
    return this.#byNumber.values();
  }

  has(namespace: string): boolean {
    return this.#byDocument.has(namespace);
  }

  get(number: number): Letter | undefined {
    return this.#byNumber.get(number);
  }

  of(namespace: string, id: RawElement): Letter | undefined {
    const alike = this.#byDocument.get(namespace)?.get(hashOfId(id));
    if (!alike) return undefined;
    const key = keyOfId(id);
    return alike.find((letter) => letter.key === key);
  }

  /** Takes a line in; returns the letters that it ends. */
  apply(line: IndexLine): readonly Ended[] {
    if ('letter' in line) this.#add(line.letter);
    else if ('closed' in line) return this.#close(line.closed, line.as);
    else if ('dropped' in line) return this.#drop(line.dropped);
    else this.#rename(line.renamed, line.to);
    return NONE;
  }

  #add(letter: Letter): void {
    this.#byNumber.set(letter.number, letter);
    let documents = this.#byDocument.get(letter.namespace);
    if (!documents) {
      documents = new Map();
      this.#byDocument.set(letter.namespace, documents);
    }
    const alike = documents.get(letter.hash);
    if (alike) alike.push(letter);
    else documents.set(letter.hash, [letter]);
  }

  #close(number: number, as: LetterEnd): readonly Ended[] {
    const letter = this.#byNumber.get(number);
    if (!letter) return NONE;
    this.#remove(letter);
    return [{ letter, as }];
  }

  #drop(namespace: string): readonly Ended[] {
    const ended = [...this.#in(namespace)].map((letter) => ({ letter, as: 'deleted' as const }));
    for (const { letter } of ended) this.#remove(letter);
    return ended;
  }

  #rename(from: string, to: string): void {
    const letters = [...this.#in(from)];
    for (const letter of letters) {
      this.#remove(letter);
      this.#add({ ...letter, namespace: to });
    }
  }

  *#in(namespace: string): Generator<Letter> {
    for (const alike of this.#byDocument.get(namespace)?.values() ?? []) yield* alike;
  }

  #remove(letter: Letter): void {
    const { number, namespace, hash } = letter;
    this.#byNumber.delete(number);
    const documents = this.#byDocument.get(namespace);
    const left = documents?.get(hash)?.filter((each) => each.number !== number) ?? [];
    if (left.length > 0) documents?.set(hash, left);
    else documents?.delete(hash);
    if (documents?.size === 0) this.#byDocument.delete(namespace);
  }
}

const NONE: readonly Ended[] = [];
