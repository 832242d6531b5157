/**
 * Gives logical sessions an id of our choice, so that several processes can use the same one. Like
 * raw-command.ts, raw-errors.ts and bulk-handshake.ts, this depends on the inside of the drivers.
 * test/src/integration/write-fence.itest.ts proves on both of them how the server reacts.
 *
 * Rejected: `lsid` as a field of the command. The drivers overwrite it with that of an implicit
 * session.
 */
import type { ClientSession } from 'mongodb';
import type { Driver } from './driver.ts';

/** The binary subtype of a UUID: the server wants session ids in it. */
const UUID_SUBTYPE = 4;

interface ServerSession {
  id: { id: unknown };
  isDirty: boolean;
  txnNumber: number;
}

/** Gives these 16 bytes as its id to a session that was just started. */
export function nameSession(driver: Driver, session: ClientSession, id: Uint8Array): void {
  const serverSession = serverSessionOf(session);
  serverSession.id = { id: new driver.module.Binary(id, UUID_SUBTYPE) };
  // A dirty session does not go back into the driver's pool. From there the driver would lend our
  // id to other commands, and end it on the server.
  serverSession.isDirty = true;
}

/**
 * Tells the driver the transaction number of the next command. The driver puts its own number into
 * the commands that end a transaction. Numbers are below 2^53.
 */
export function numberSession(session: ClientSession, txnNumber: bigint): void {
  serverSessionOf(session).txnNumber = Number(txnNumber);
}

function serverSessionOf(session: ClientSession): ServerSession {
  return (session as unknown as { serverSession: ServerSession }).serverSession;
}
