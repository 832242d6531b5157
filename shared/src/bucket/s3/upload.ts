/**
 * One multipart upload. The SDK's own helper (lib-storage) was passed over: it leaves parts behind
 * when it fails, waits for a body that hangs, and the completion, where put-if-absent is decided,
 * is not its caller's.
 */

import { crc32 } from 'node:zlib';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { WaybillError } from '../../base/errors.ts';
import { LinkedAbort } from '../../base/lifecycle.ts';
import type { Part } from '../cut-parts.ts';
import type { S3Calls } from './calls.ts';
import { bodyChecksum, crc32Base64 } from './checksum.ts';
import { s3Error } from './error.ts';
import type { NewObject, PutRequest } from './put-request.ts';

/** Parts on their way at once: with the one being filled, the memory of an upload. */
const PARTS_AT_ONCE = 2;
const CLEANING_MS = 10_000;
/** Where somebody waits for a stop. */
const STOPPED_CLEANING_MS = 1000;

export class Upload {
  readonly #calls: S3Calls;
  readonly #request: PutRequest;
  readonly #id: string;
  readonly #parts: CompletedPart[] = [];
  readonly #underway = new Set<Promise<void>>();
  /** Ends the other parts when one has failed for good. */
  readonly #abort: LinkedAbort;
  #failure: { readonly error: unknown } | undefined;
  #number = 0;
  #bytes = 0;
  /** Over all parts in their order. */
  #crc = 0;

  private constructor(calls: S3Calls, request: PutRequest, id: string) {
    this.#calls = calls;
    this.#request = request;
    this.#id = id;
    this.#abort = new LinkedAbort(request.signal);
  }

  static async begin(calls: S3Calls, request: PutRequest, made: NewObject): Promise<Upload> {
    const { key, dialect, signal, budget } = request;
    const checksum =
      dialect.checksum === 'crc32'
        ? ({ ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' } as const)
        : {};
    try {
      const command = new CreateMultipartUploadCommand({ ...calls.at(key), ...made, ...checksum });
      const { UploadId } = await calls.send(command, { signal, budget });
      if (!UploadId) throw new Error('an upload without an id');
      return new Upload(calls, request, UploadId);
    } catch (error) {
      throw s3Error(error, 'write', key, calls.place);
    }
  }

  /** Waits until there is room for the part, not until it is there. */
  async add({ bytes, release }: Part): Promise<void> {
    while (this.#underway.size >= PARTS_AT_ONCE) await Promise.race(this.#underway);
    if (this.#failure) throw this.#failure.error;
    const number = ++this.#number;
    this.#bytes += bytes.length;
    if (this.#request.dialect.checksum === 'crc32') this.#crc = crc32(bytes, this.#crc);
    const sending: Promise<void> = this.#send(number, bytes)
      .then(release)
      .catch((error: unknown) => {
        this.#failure ??= { error: s3Error(error, 'write', this.#request.key, this.#calls.place) };
        this.#abort.abort();
      })
      .finally(() => this.#underway.delete(sending));
    this.#underway.add(sending);
  }

  /** Waits for all parts. */
  async uploaded(): Promise<void> {
    await Promise.all(this.#underway);
    this.#abort[Symbol.dispose]();
    if (this.#failure) throw this.#failure.error;
  }

  readonly complete = async (): Promise<void> => {
    const { key, header, dialect, signal } = this.#request;
    const whole =
      dialect.checksum === 'crc32'
        ? {
            ChecksumCRC32: crc32Base64(this.#crc),
            ChecksumType: 'FULL_OBJECT' as const,
            MpuObjectSize: this.#bytes,
          }
        : {};
    const input = {
      ...this.#calls.at(key),
      UploadId: this.#id,
      ...whole,
      MultipartUpload: { Parts: this.#parts },
    };
    await this.#calls.send(new CompleteMultipartUploadCommand(input), { header, signal });
  };

  /**
   * Best effort, and after the caller's signal too: what stays is removed by age. Parts on their
   * way end first, for one that arrived after this would stay.
   */
  async abort(): Promise<void> {
    this.#abort.abort(new WaybillError('INTERRUPTED', 'the upload has ended'));
    await Promise.all(this.#underway);
    this.#abort[Symbol.dispose]();
    const command = new AbortMultipartUploadCommand({
      ...this.#calls.at(this.#request.key),
      UploadId: this.#id,
    });
    const limitMs = this.#request.signal?.aborted ? STOPPED_CLEANING_MS : CLEANING_MS;
    await this.#calls.send(command, { signal: AbortSignal.timeout(limitMs) }).catch(() => undefined);
  }

  async #send(number: number, part: Uint8Array): Promise<void> {
    const checksum = bodyChecksum(part, this.#request.dialect);
    const input = {
      ...this.#calls.at(this.#request.key),
      UploadId: this.#id,
      PartNumber: number,
      Body: part,
      ...checksum,
    };
    const command = new UploadPartCommand({ ...input, ContentLength: part.length });
    const { ETag } = await this.#calls.send(command, { signal: this.#abort.signal });
    this.#parts[number - 1] = {
      PartNumber: number,
      ETag,
      ...('ChecksumCRC32' in checksum && { ChecksumCRC32: checksum.ChecksumCRC32 }),
    };
  }
}
