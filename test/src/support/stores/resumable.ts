import type { Answer } from './forward.ts';

interface Upload {
  /** Bytes that the server has confirmed. */
  confirmed: number;
  /** Its answer to the last chunk. */
  end?: Answer;
  /** An upload's requests go one after another. */
  queue: Promise<unknown>;
}

/**
 * Corrects the resumable uploads of fake-gcs-server. It takes a query for an upload's state as the
 * upload's end, and appends a chunk again that it already has. Both are answered here as GCS does,
 * from what the server confirmed.
 */
export class ResumableUploads {
  readonly #uploads = new Map<string, Upload>();

  /** `send` asks the server. Undefined means that it gave no answer. */
  async answer(
    url: URL,
    contentRange: string,
    send: () => Promise<Answer | undefined>,
  ): Promise<Answer | undefined> {
    const id = url.searchParams.get('upload_id') ?? '';
    let upload = this.#uploads.get(id);
    if (!upload) {
      upload = { confirmed: 0, queue: Promise.resolve() };
      this.#uploads.set(id, upload);
    }
    const mine = upload;
    const result = mine.queue.then(() => this.#next(mine, contentRange, send));
    mine.queue = result.catch(() => undefined);
    return result;
  }

  async #next(
    upload: Upload,
    contentRange: string,
    send: () => Promise<Answer | undefined>,
  ): Promise<Answer | undefined> {
    if (upload.end) return upload.end;
    const [, first, last, total] = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(contentRange) ?? [];
    const isQuery = first === undefined && Number(total) !== upload.confirmed;
    if (isQuery || (first !== undefined && Number(first) !== upload.confirmed)) return incomplete(upload);
    const answer = await send();
    if (answer?.status === 308) upload.confirmed = Number(last) + 1;
    else if (answer && answer.status < 500) upload.end = answer;
    return answer;
  }
}

function incomplete({ confirmed }: Upload): Answer {
  const range = confirmed === 0 ? [] : ['Range', `bytes=0-${confirmed - 1}`];
  return { status: 308, headers: ['Content-Length', '0', ...range], body: Buffer.alloc(0) };
}
