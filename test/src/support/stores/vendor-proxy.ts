/**
 * Makes a real S3 server do put-if-absent as Alibaba's and Tencent's manuals say. OSS answers 501
 * to `If-None-Match`. Each vendor has a header that makes it answer 409 if the key is taken. The
 * proxy decides that, under a lock for each key. The server does everything else, signatures
 * included.
 */
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { S3Server } from './s3-server.ts';

export interface Vendor {
  readonly server: 'AliyunOSS' | 'tencent-cos';
  readonly header: string;
  readonly code: string;
}

export const OSS: Vendor = {
  server: 'AliyunOSS',
  header: 'x-oss-forbid-overwrite',
  code: 'FileAlreadyExists',
};
export const COS: Vendor = {
  server: 'tencent-cos',
  header: 'x-cos-forbid-overwrite',
  code: 'ObjectAlreadyExists',
};

export interface VendorProxy extends AsyncDisposable {
  readonly endpoint: string;
}

interface Answer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

export async function startVendorProxy(vendor: Vendor, upstream: S3Server): Promise<VendorProxy> {
  const locks = new Map<string, Promise<unknown>>();
  const serial = <T>(path: string, work: () => Promise<T>): Promise<T> => {
    const result = (locks.get(path) ?? Promise.resolve()).then(work, work);
    locks.set(path, result);
    return result;
  };

  async function answer(message: IncomingMessage): Promise<Answer> {
    const body = await buffer(message);
    const forward = (): Promise<Answer> => ask(upstream.port, message, body);
    if (message.method !== 'PUT' && message.method !== 'POST') return forward();
    if (message.headers['if-none-match'] !== undefined && vendor.server === 'AliyunOSS') {
      return refusal(501, 'NotImplemented');
    }
    if (message.headers[vendor.header] !== 'true') return forward();
    const path = message.url?.split('?')[0] ?? '';
    return serial(path, async () => {
      const [, bucket = '', ...key] = path.split('/').map(decodeURIComponent);
      return (await exists(upstream, bucket, key.join('/'))) ? refusal(409, vendor.code) : forward();
    });
  }

  const server = createServer((message, response) => {
    answer(message).then(
      (given) => send(response, given, vendor),
      () => response.destroy(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function exists({ client }: S3Server, bucket: string, key: string): Promise<boolean> {
  return client.send(new HeadObjectCommand({ Bucket: bucket, Key: key })).then(
    () => true,
    () => false,
  );
}

/** Unchanged, with the host that was signed. */
async function ask(port: number, message: IncomingMessage, body: Buffer): Promise<Answer> {
  const { method, url: path, headers } = message;
  const asked = request({ host: '127.0.0.1', port, method, path, headers, agent: false });
  asked.end(body);
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 500, headers: response.headers, body: await buffer(response) };
}

function refusal(status: number, code: string): Answer {
  const body = Buffer.from(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`);
  return { status, headers: { 'content-type': 'application/xml' }, body };
}

function send(response: ServerResponse, { status, headers, body }: Answer, { server }: Vendor): void {
  const { connection, 'transfer-encoding': _, ...kept } = headers;
  // To HEAD the length of what is not sent.
  const length = kept['content-length'] ?? String(body.length);
  response.writeHead(status, { ...kept, server, 'content-length': length });
  response.end(body);
}
