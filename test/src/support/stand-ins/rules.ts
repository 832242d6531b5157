/**
 * What a managed target does otherwise than MongoDB, as data and small functions: one file beside
 * this one for each kind of target. Each rule cites the section of the target reference that has
 * its fact. If the reference gives a fact no code, the rule's text says so.
 */
import type { RawElement } from '@waybill/shared/bson/raw';
import type { Request } from './request.ts';

/** How a server says no. */
export interface Fault {
  readonly code: number;
  readonly codeName: string;
  readonly text: string;
  readonly labels: readonly string[];
}

export function fault(code: number, codeName: string, text: string, ...labels: readonly string[]): Fault {
  return { code, codeName, text, labels };
}

/** What a rule may know besides the command: what was done before it. */
export interface Standing {
  /** Keys of the indexes of a collection, by their names. */
  indexes(namespace: string): ReadonlyMap<string, Buffer>;
  /** Index builds of the collection that are under way. */
  builds(namespace: string): number;
  /** Transactions have just expired. */
  readonly transactionsExpired: boolean;
  /** The database that the connection string names. */
  readonly database: string;
}

/** Refuses a whole command. */
export interface CommandRule {
  readonly name: string;
  /** Null: every one. */
  readonly commands: readonly string[] | null;
  refuses(request: Request, standing: Standing): Fault | null;
}

/** A document to be stored, or the part of one that an update gives. */
export interface Candidate {
  readonly document: Buffer;
  readonly id: RawElement | undefined;
  readonly by: 'insert' | 'replacement' | 'pipeline' | 'modifier';
  readonly namespace: string;
}

/** Refuses one document. */
export interface DocumentRule {
  readonly name: string;
  /** `command`: the command with such a document fails as a whole. */
  readonly manner: 'statement' | 'command';
  refuses(candidate: Candidate, standing: Standing): Fault | null;
}

/** A reply as an object, of which a stand-in changes some fields. */
export type Reply = Readonly<Record<string, unknown>>;

export interface StandInRules {
  readonly title: string;
  /** The answer to a command that the target lacks; null for one that it has. */
  readonly lacks: (command: string) => Fault | null;
  readonly commands: readonly CommandRule[];
  readonly documents: readonly DocumentRule[];
  /** Fields of commands that the target takes and does not heed. */
  readonly ignored: ReadonlySet<string>;
  /** Commands that it answers with ok, and that do nothing. */
  readonly withoutEffect: ReadonlySet<string>;
  /** What it says of itself. `host`: the stand-in's. */
  readonly hello: (reply: Reply, host: string) => Reply;
  readonly buildInfo: (reply: Reply) => Reply;
  /** Gives operation times, and uuids of collections. */
  readonly tells: { readonly times: boolean; readonly uuids: boolean };
  /** Changes what it stores, in place: a canonical value is as long as another. */
  readonly alter: ((document: Buffer) => void) | null;
  /** Takes only connections that say `loadBalanced`. */
  readonly needsLoadBalanced: boolean;
  /** createIndexes does not wait for the index. */
  readonly buildsLater: boolean;
  /** For more writes than it takes, and for a command that takes too long. */
  readonly pushback: Fault;
  readonly deadline: Fault;
}
