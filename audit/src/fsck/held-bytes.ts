/** Room for a number of bytes. What is larger than the room gets all of it, alone. */
export class HeldBytes {
  readonly #most: number;
  #held = 0;
  #change = Promise.withResolvers<void>();

  constructor(most: number) {
    this.#most = most;
  }

  async take(bytes: number): Promise<void> {
    while (this.#held > 0 && this.#held + bytes > this.#most) await this.#change.promise;
    this.#held += bytes;
  }

  give(bytes: number): void {
    this.#held -= bytes;
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }
}
