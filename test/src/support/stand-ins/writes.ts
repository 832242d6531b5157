/** How a stand-in does a write command: it refuses what it must, and has the rest done. */
import { candidatesOf } from './candidates.ts';
import type { Host } from './host.ts';
import { nothingWritten, type RefusedStatement, refusal, withRefused } from './replies.ts';
import type { Request } from './request.ts';
import type { DocumentRule, Fault } from './rules.ts';

type Ask = (statements: readonly Buffer[]) => Promise<Buffer>;

export async function write(request: Request, host: Host, ask: Ask): Promise<Buffer> {
  const { strain, rules } = host;
  await strain.wait();
  const checked = check(request, host);
  if ('code' in checked) return refusal(checked);
  const { refused } = checked;
  let { sent } = checked;
  if (strain.isTooLate(sent.length)) {
    // Some of it is done, and nobody says what.
    await ask(statementsOf(request, sent.slice(0, sent.length / 2), rules.alter));
    return refusal(rules.deadline);
  }
  const room = strain.room(sent.length);
  if (room === 0 && sent.length > 0) return refusal(rules.pushback);
  const pushedBack = sent.slice(room).map((index) => ({ index, fault: rules.pushback }));
  sent = sent.slice(0, room);
  const reply = sent.length > 0 ? await ask(statementsOf(request, sent, rules.alter)) : nothingWritten();
  return withRefused(reply, sent, [...refused, ...pushedBack], request.isOrdered);
}

/** Which statements may be done and which not, by index; or what the whole command fails with. */
function check(
  request: Request,
  { rules, standing }: Host,
): Fault | { readonly sent: readonly number[]; readonly refused: readonly RefusedStatement[] } {
  const sent: number[] = [];
  const refused: RefusedStatement[] = [];
  for (const [index, statement] of request.statements.entries()) {
    const found = firstFault(rules.documents, request, statement, standing);
    if (!found) {
      sent.push(index);
      continue;
    }
    // A transaction with a refused statement has failed.
    if (found.manner === 'command' || request.isInTransaction) return found.fault;
    refused.push({ index, fault: found.fault });
    if (request.isOrdered) break;
  }
  return { sent, refused };
}

function firstFault(
  rules: readonly DocumentRule[],
  request: Request,
  statement: Buffer,
  standing: Host['standing'],
): { readonly fault: Fault; readonly manner: DocumentRule['manner'] } | null {
  for (const candidate of candidatesOf(request, statement)) {
    for (const { refuses, manner } of rules) {
      const fault = refuses(candidate, standing);
      if (fault) return { fault, manner };
    }
  }
  return null;
}

function statementsOf(
  request: Request,
  indexes: readonly number[],
  alter: Host['rules']['alter'],
): readonly Buffer[] {
  return indexes.map((index) => {
    const statement = Buffer.from(request.statements[index]!);
    if (request.kind !== 'delete') alter?.(statement);
    return statement;
  });
}
