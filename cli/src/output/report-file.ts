/**
 * The file that `--report` names. It is opened before the work, so that a bad path is reported
 * before hours of work are spent. Its old content stays until there is something to write. Once
 * there is an outcome, a failure of the file does not change it.
 */
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { WaybillError } from '@waybill/shared/base/errors';
import type { Logger } from '@waybill/shared/base/logger';
import { stamped } from './stamped.ts';

export class ReportFile implements AsyncDisposable {
  readonly #path: string;
  readonly #file: FileHandle;
  /** We made the file: it is removed if nothing was written. */
  #isEmptyAndOurs: boolean;

  private constructor(path: string, file: FileHandle, isNew: boolean) {
    this.#path = path;
    this.#file = file;
    this.#isEmptyAndOurs = isNew;
  }

  /**
   * Returns null if no report is asked for.
   * @throws CONFIG_INVALID if the file cannot be written
   */
  static async open(path: string | undefined): Promise<ReportFile | null> {
    if (path === undefined) return null;
    try {
      return new ReportFile(path, await open(path, 'wx'), true);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw cannotWrite(path, error);
    }
    try {
      // Opening a file to append takes nothing away.
      return new ReportFile(path, await open(path, 'a'), false);
    } catch (error) {
      throw cannotWrite(path, error);
    }
  }

  /** Never rejects. */
  async write(report: object, logger: Logger): Promise<void> {
    try {
      const isFile = (await this.#file.stat()).isFile();
      if (isFile) await this.#file.truncate(0);
      await this.#file.writeFile(`${JSON.stringify(stamped(report), null, 2)}\n`);
      this.#isEmptyAndOurs = false;
    } catch (error) {
      logger.error('the report could not be written; the result itself stands', {
        file: this.#path,
        reason: codeOf(error),
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close().catch(() => undefined);
    if (this.#isEmptyAndOurs) await unlink(this.#path).catch(() => undefined);
  }
}

function cannotWrite(path: string, error: unknown): WaybillError {
  return new WaybillError(
    'CONFIG_INVALID',
    `--report: the file ${path} cannot be written (${codeOf(error)})`,
    {
      hint: 'Give a file in a folder that is there, and that this user may write.',
      context: { option: 'report' },
      cause: error,
    },
  );
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}
