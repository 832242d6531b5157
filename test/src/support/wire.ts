import { connect } from 'node:net';
import { buildDocument } from '@waybill/shared/bson/build';

/**
 * Sends one command whose bytes no driver would send, and gives back the bytes of the reply's
 * document.
 */
export async function sendCommand(uri: string, fields: Parameters<typeof buildDocument>[0]): Promise<Buffer> {
  const { hostname, port } = new URL(uri);
  const document = buildDocument(fields);
  const head = Buffer.alloc(21);
  head.writeInt32LE(head.length + document.length);
  head.writeInt32LE(1, 4);
  head.writeInt32LE(2013, 12);
  const socket = connect(Number(port), hostname);
  try {
    socket.write(Buffer.concat([head, document]));
    let reply = Buffer.alloc(0);
    for await (const piece of socket) {
      reply = Buffer.concat([reply, piece as Buffer]);
      if (reply.length >= 4 && reply.length >= reply.readInt32LE(0)) return reply.subarray(21);
    }
    throw new Error('the server closed the connection');
  } finally {
    socket.destroy();
  }
}
