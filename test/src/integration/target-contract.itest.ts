/** Every kind of server that can be had here keeps the contract of a target. */
import type { RunningCluster } from '@waybill/demo/servers/cluster';
import type { RunningServer } from '@waybill/demo/servers/start';
import { afterAll, beforeAll, describe } from 'vitest';
import { freePort, type LoadBalancer, startLoadBalancer } from '../support/load-balancer.ts';
import { describeWithServer, startServer, startShardedCluster } from '../support/servers.ts';
import { targetContract } from '../support/target/contract/contract.ts';
import { GENUINE } from '../support/target/contract/scene.ts';

await describeWithServer('a replica set of the current version', (servers) => {
  targetContract(() => servers.target.uri, GENUINE);
});

await describeWithServer(
  'a replica set of the oldest version',
  (servers) => {
    targetContract(() => servers.target.uri, { ...GENUINE, showsWrites: false, convertsToUnique: false });
  },
  { target: 'oldest' },
);

await describeWithServer('a sharded cluster', () => {
  let cluster: RunningCluster;
  let balancer: LoadBalancer;
  beforeAll(async () => {
    const port = await freePort();
    cluster = await startShardedCluster(['--setParameter', `loadBalancerPort=${port}`]);
    balancer = await startLoadBalancer(port);
  });
  afterAll(async () => {
    await balancer?.[Symbol.asyncDispose]();
    await cluster?.stop();
  });
  describe('by itself', () => {
    targetContract(() => cluster.uri, { ...GENUINE, fences: false });
  });
  describe('behind a load balancer', () => {
    targetContract(() => balancer.uri, { ...GENUINE, fences: false });
  });
});

await describeWithServer('a server without a replica set', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server?.stop());
  targetContract(() => server.uri, { ...GENUINE, fences: false, hasTime: false });
});
