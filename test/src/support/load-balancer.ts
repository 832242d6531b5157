/** A load balancer before a mongos: it tells the mongos of each connection whose it is. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface LoadBalancer extends AsyncDisposable {
  readonly uri: string;
}

/** Passes connections on to the port where a mongos expects them (`loadBalancerPort`). */
export async function startLoadBalancer(port: number): Promise<LoadBalancer> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    upstream.write(`PROXY TCP4 127.0.0.1 127.0.0.1 ${client.remotePort} ${client.localPort}\r\n`);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  });
  const listening = await listen(server);
  return {
    uri: `mongodb://127.0.0.1:${listening}/?loadBalanced=true`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
