/** What the fault proxy must know of a store's protocol. */

export interface Exchange {
  readonly method: string;
  readonly url: URL;
}

export interface Refusal {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type RefusalStatus = 404 | 429 | 500 | 503;

/** Objects are named `<bucket>/<key>`. */
export interface StoreProtocol {
  readonly name: 's3' | 'gcs';
  /** The object whose content or size is asked for. */
  read(exchange: Exchange): string | undefined;
  /** The object that this request, having succeeded, made visible. */
  written(exchange: Exchange, answer: Buffer): string | undefined;
  removed(exchange: Exchange): string | undefined;
  isList(exchange: Exchange): boolean;
  /** The list without some of its objects. */
  withoutObjects(exchange: Exchange, list: Buffer, isHidden: (object: string) => boolean): Buffer;
  refusal(status: RefusalStatus): Refusal;
}

/** Path style: `/<bucket>/<key>`. */
export const S3_PROTOCOL: StoreProtocol = {
  name: 's3',
  read: ({ method, url }) => (method === 'GET' || method === 'HEAD' ? s3Object(url) : undefined),
  written: ({ method, url }) => {
    const completes = method === 'POST' && url.searchParams.has('uploadId');
    const puts = method === 'PUT' && !url.searchParams.has('uploadId');
    return completes || puts ? s3Object(url) : undefined;
  },
  removed: ({ method, url }) =>
    method === 'DELETE' && !url.searchParams.has('uploadId') ? s3Object(url) : undefined,
  isList: ({ method, url }) => method === 'GET' && url.searchParams.get('list-type') === '2',
  withoutObjects: ({ url }, list, isHidden) => {
    const bucket = url.pathname.split('/')[1];
    const entry = /<Contents>(?:(?!<\/Contents>).)*<Key>([^<]*)<\/Key>.*?<\/Contents>/gs;
    const text = list.toString().replace(entry, (whole, key: string) => {
      return isHidden(`${bucket}/${decodeURIComponent(key.replaceAll('+', ' '))}`) ? '' : whole;
    });
    return Buffer.from(text);
  },
  refusal: (status) => {
    const [code, message] = S3_REFUSALS[status];
    const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
    return { headers: { 'content-type': 'application/xml' }, body };
  },
};

const S3_REFUSALS: Readonly<Record<RefusalStatus, readonly [code: string, message: string]>> = {
  404: ['NoSuchKey', 'The specified key does not exist.'],
  429: ['TooManyRequests', 'Too many requests.'],
  500: ['InternalError', 'We encountered an internal error. Please try again.'],
  503: ['SlowDown', 'Please reduce your request rate.'],
};

function s3Object(url: URL): string | undefined {
  const [, bucket, ...key] = url.pathname.split('/');
  return bucket && key.join('/') ? `${bucket}/${decodeURIComponent(key.join('/'))}` : undefined;
}

/** The JSON API. */
export const GCS_PROTOCOL: StoreProtocol = {
  name: 'gcs',
  read: ({ method, url }) => (method === 'GET' || method === 'HEAD' ? gcsObject(url) : undefined),
  written: ({ method, url }, answer) => {
    const begins = method === 'POST' && url.searchParams.get('uploadType') === 'resumable';
    if (!url.pathname.startsWith('/upload/') || begins) return undefined;
    const { name } = JSON.parse(answer.toString()) as { name: string };
    return `${gcsBucket(url)}/${name}`;
  },
  removed: ({ method, url }) => (method === 'DELETE' ? gcsObject(url) : undefined),
  isList: ({ method, url }) => method === 'GET' && /^\/storage\/v1\/b\/[^/]+\/o\/?$/.test(url.pathname),
  withoutObjects: ({ url }, list, isHidden) => {
    const page = JSON.parse(list.toString()) as { items?: { name: string }[] };
    const items = page.items?.filter(({ name }) => !isHidden(`${gcsBucket(url)}/${name}`));
    return Buffer.from(JSON.stringify({ ...page, items }));
  },
  refusal: (status) => {
    const [reason, message] = GCS_REFUSALS[status];
    const errors = [{ domain: 'global', reason, message }];
    const body = JSON.stringify({ error: { code: status, message, errors } });
    return { headers: { 'content-type': 'application/json; charset=UTF-8' }, body };
  },
};

const GCS_REFUSALS: Readonly<Record<RefusalStatus, readonly [reason: string, message: string]>> = {
  404: ['notFound', 'No such object'],
  429: ['rateLimitExceeded', 'The rate of requests is too high. Reduce it.'],
  500: ['internalError', 'We encountered an internal error. Please try again.'],
  503: ['backendError', 'Backend Error'],
};

function gcsBucket(url: URL): string | undefined {
  return /\/storage\/v1\/b\/([^/]+)\//.exec(url.pathname)?.[1];
}

function gcsObject(url: URL): string | undefined {
  const [, bucket, key] = /^(?:\/download)?\/storage\/v1\/b\/([^/]+)\/o\/(.+)$/.exec(url.pathname) ?? [];
  return bucket && key ? `${bucket}/${decodeURIComponent(key)}` : undefined;
}
