/**
 * One bucket of the client: every request passes here, through the limiter, and ends on the
 * caller's signal.
 */
import type { $Command, S3Client, ServiceInputTypes, ServiceOutputTypes } from '@aws-sdk/client-s3';
import { HeadObjectCommand, type S3ClientResolvedConfig } from '@aws-sdk/client-s3';
import { BufferPool } from '../../base/buffer-pool.ts';
import { abortable, abortReason, throwIfAborted } from '../../base/lifecycle.ts';
import type { CallOptions } from '../bucket.ts';
import { parseEndpoint } from '../endpoint.ts';
import { RequestLimiter } from '../limiter.ts';
import type { StoreOptions } from '../store-options.ts';
import { type Dialect, dialectOf, OTHER } from './dialect.ts';
import { isThrottling, type S3Place } from './error.ts';

type Command<I extends ServiceInputTypes, O extends ServiceOutputTypes> = $Command<
  I,
  O,
  S3ClientResolvedConfig,
  ServiceInputTypes,
  ServiceOutputTypes
>;

export interface SendOptions extends CallOptions {
  /** Beyond what the SDK knows of; signed like the others. */
  readonly header?: readonly [name: string, value: string] | undefined;
}

interface HttpMessage {
  readonly headers: Record<string, string>;
}

/** Of a part of an upload. Smaller bodies go in one request; the store's least is 5 MiB. */
const PART_BYTES = 8 * 1024 * 1024;
const SPARE_PARTS = 4;

export class S3Calls {
  readonly store: StoreOptions;
  readonly bucket: string;
  readonly partMemory = new BufferPool(PART_BYTES, SPARE_PARTS);
  readonly #client: S3Client;
  readonly #limiter = new RequestLimiter({ isThrottling });
  readonly #prefix: string;
  readonly #given: Dialect | undefined;
  #dialect: Dialect | undefined;

  constructor(
    client: S3Client,
    where: { bucket: string; prefix: string },
    store: StoreOptions,
    dialect?: Dialect,
  ) {
    this.#client = client;
    this.bucket = where.bucket;
    this.#prefix = where.prefix;
    this.store = store;
    this.#given = dialect;
    this.#dialect = dialect;
  }

  /** What names an object in a request. */
  at(key: string): { Bucket: string; Key: string; RequestPayer?: 'requester' } {
    return { ...this.inBucket(), Key: this.#prefix + key };
  }

  inBucket(): { Bucket: string; RequestPayer?: 'requester' } {
    return {
      Bucket: this.bucket,
      ...(this.store.userProject !== undefined && { RequestPayer: 'requester' }),
    };
  }

  /** For people. */
  get place(): S3Place {
    const { endpoint } = this.store;
    return {
      bucket: this.bucket,
      endpoint: endpoint === undefined ? 'Amazon S3' : parseEndpoint(endpoint).origin,
    };
  }

  /** Before every key. */
  get prefix(): string {
    return this.#prefix;
  }

  /**
   * @throws what the SDK throws, which must not leave this folder as it is, or the signal's reason
   */
  async send<I extends ServiceInputTypes, O extends ServiceOutputTypes>(
    command: Command<I, O>,
    { signal, budget, header }: SendOptions = {},
  ): Promise<O> {
    throwIfAborted(signal);
    this.#watch(command, { signal, budget });
    if (header) addHeader(command, header);
    try {
      return await abortable(this.#client.send(command, { ...(signal && { abortSignal: signal }) }), signal);
    } catch (error) {
      if (signal?.aborted) throw abortReason(signal);
      throw error instanceof BudgetSpent ? error.failure : error;
    }
  }

  /**
   * Whom we talk to. Any answer tells, also a refusal; where there was none yet, the key is looked
   * for.
   */
  async dialect(key: string, options: CallOptions): Promise<Dialect> {
    if (!this.#dialect) {
      await this.send(new HeadObjectCommand(this.at(key)), options).catch((error: unknown) => {
        // Without any answer the put itself could not be sent either.
        if (!this.#dialect) throw error;
      });
    }
    if (!this.#dialect) throw new Error('an answer without headers');
    return this.#dialect;
  }

  close(): void {
    this.#client.destroy();
  }

  /**
   * An answer may also come from something in between, which does not know whom it stands before.
   */
  #hear(heard: Dialect): void {
    if (this.#given === undefined && (this.#dialect === undefined || heard !== OTHER)) this.#dialect = heard;
  }

  /**
   * Inside the SDK's retries, so that the limiter sees each request, and none while the SDK waits;
   * and so that the SDK repeats none after the end of the caller's budget.
   */
  #watch<I extends ServiceInputTypes, O extends ServiceOutputTypes>(
    command: Command<I, O>,
    { signal, budget }: CallOptions,
  ): void {
    let failure: { readonly error: unknown } | undefined;
    command.middlewareStack.add(
      (next) => async (args) => {
        if (failure && budget && !budget.allows(0)) throw new BudgetSpent(failure.error);
        try {
          return await this.#limiter.run(() => next(args), signal);
        } catch (error) {
          failure = { error };
          throw error;
        }
      },
      { step: 'finalizeRequest', priority: 'low', name: 'waybillLimiter' },
    );
    command.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        const { hostname } = args.request as { hostname?: string };
        const { headers } = result.response as HttpMessage;
        this.#hear(dialectOf(headers.server, hostname ?? ''));
        return result;
      },
      { step: 'deserialize', priority: 'low', name: 'waybillDialect' },
    );
  }
}

/** Ends the SDK's retries. Not as a cause, which the SDK looks at. */
class BudgetSpent extends Error {
  readonly failure: unknown;

  constructor(failure: unknown) {
    super('the time for retries is over');
    this.failure = failure;
  }
}

function addHeader<I extends ServiceInputTypes, O extends ServiceOutputTypes>(
  command: Command<I, O>,
  [name, value]: readonly [string, string],
): void {
  command.middlewareStack.add(
    (next) => (args) => {
      (args.request as HttpMessage).headers[name] = value;
      return next(args);
    },
    { step: 'build', name: 'waybillHeader' },
  );
}
