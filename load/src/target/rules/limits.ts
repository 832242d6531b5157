/** How much one command to a target may hold, and how long it may run. */
import type { ServerInfo } from '@waybill/shared/mongo/driver/server-info';

export interface Limits {
  /** Of a message, for everything that is not the statements. Bytes. */
  readonly messageRoom: number;
  /** A batch of fewer statements does not go as a transaction: the second message costs more. */
  readonly transactionStatements: number;
  /** Nor does a batch of more bytes. */
  readonly transactionBytes: number;
  /** Statements of one command. Null: as many as the server's hello says. */
  readonly statements: number | null;
  /** A server that says this field of itself is an older one, which takes fewer statements. */
  readonly older?: { readonly field: string; readonly statements: number } | undefined;
  /** Bytes of one command. Null: as many as the server's hello says. */
  readonly commandBytes: number | null;
  /**
   * The server gives a write up after this, in milliseconds, whatever its maxTimeMS. Null: its
   * maxTimeMS alone ends it.
   */
  readonly writeMs: number | null;
}

export interface TargetLimits {
  /** Statements that one command may hold. */
  readonly batchStatements: number;
  /** Bytes that one command may hold, with room for the rest of the message. */
  readonly batchBytes: number;
}

export function batchLimits(
  { statements, older, commandBytes, messageRoom }: Limits,
  server: Pick<ServerInfo, 'maxMessageSizeBytes' | 'maxWriteBatchSize' | 'fields'>,
): TargetLimits {
  const most = older && server.fields.has(older.field) ? older.statements : statements;
  return {
    batchStatements: Math.min(server.maxWriteBatchSize, most ?? Number.POSITIVE_INFINITY),
    batchBytes: Math.min(server.maxMessageSizeBytes, commandBytes ?? Number.POSITIVE_INFINITY) - messageRoom,
  };
}
