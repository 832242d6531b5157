/** Work that is done one piece after the other, by whoever comes first. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Fulfilled when everything taken so far has ended, in whatever way. */
  async settle(): Promise<void> {
    await this.#last;
  }
}
