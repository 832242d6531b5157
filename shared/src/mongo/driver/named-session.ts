/**
 * Logical sessions with an id of our choice, so that several processes can speak of the same one.
 * With raw-command.ts and bulk/handshake.ts the only files that lean on the inside of the drivers;
 * test/src/integration/write-fence.itest.ts proves on both of them what the server makes of it.
 * Rejected: `lsid` as a field of the command, which the drivers overwrite with that of an implicit
 * session.
 */
import type { ClientSession } from 'mongodb';
import type { Driver } from './driver.ts';

/** Of a UUID, as the server wants session ids. */
const UUID_SUBTYPE = 4;

interface ServerSession {
  id: { id: unknown };
  isDirty: boolean;
  txnNumber: number;
}

/** Gives a session that was just started the id of these 16 bytes. */
export function nameSession(driver: Driver, session: ClientSession, id: Uint8Array): void {
  const serverSession = serverSessionOf(session);
  serverSession.id = { id: new driver.module.Binary(id, UUID_SUBTYPE) };
  // A dirty one does not go back into the driver's pool: it would lend our id to other commands,
  // and end it on the server.
  serverSession.isDirty = true;
}

/**
 * Tells the driver the transaction number of the command that comes next: it puts its own into the
 * ones that end a transaction. Numbers are below 2^53.
 */
export function numberSession(session: ClientSession, txnNumber: bigint): void {
  serverSessionOf(session).txnNumber = Number(txnNumber);
}

function serverSessionOf(session: ClientSession): ServerSession {
  return (session as unknown as { serverSession: ServerSession }).serverSession;
}
