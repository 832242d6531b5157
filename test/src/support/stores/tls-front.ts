/**
 * TLS in front of a server on the loopback interface, with a certificate that only our own
 * authority has signed.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';

export interface TlsFront extends AsyncDisposable {
  readonly endpoint: string;
  /** Path of the authority's certificate. */
  readonly authority: string;
}

const file = (name: string): string => fileURLToPath(new URL(`./tls/${name}`, import.meta.url));

export async function startTlsFront(port: number): Promise<TlsFront> {
  const open = new Set<TLSSocket>();
  const [key, cert] = await Promise.all([readFile(file('server.key')), readFile(file('server.pem'))]);
  const server = createServer({ key, cert }, (socket) => {
    open.add(socket);
    const upstream = connect(port, '127.0.0.1');
    socket.pipe(upstream).pipe(socket);
    socket.on('error', () => upstream.destroy());
    socket.on('close', () => open.delete(socket) && upstream.destroy());
    upstream.on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    authority: file('authority.pem'),
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
