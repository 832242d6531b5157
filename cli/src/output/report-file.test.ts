import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, silentLogger } from '@waybill/shared/base/logger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ReportFile } from './report-file.ts';

describe('the file of --report', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'waybill-report-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('is refused at once where it cannot be, and none is opened where none is asked for', async () => {
    expect(await ReportFile.open(undefined)).toBeNull();
    for (const path of [join(folder, 'none', 'x.json'), folder]) {
      await expect(ReportFile.open(path)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    }
  });

  it('has the report and nothing of the one before it, which stays until then', async () => {
    const path = join(folder, 'report.json');
    await writeFile(path, 'x'.repeat(1000));
    await (await ReportFile.open(path))?.[Symbol.asyncDispose]();
    expect(await readFile(path, 'utf8')).toHaveLength(1000);
    await using file = await ReportFile.open(path);
    await file?.write({ same: true }, silentLogger);
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ same: true });
  });

  it('leaves no empty file behind', async () => {
    await (await ReportFile.open(join(folder, 'unused.json')))?.[Symbol.asyncDispose]();
    expect(await readdir(folder)).not.toContain('unused.json');
  });

  it('changes no outcome when it fails', async () => {
    const lines: string[] = [];
    const logger = createLogger({ level: 'error', destination: { write: (line) => void lines.push(line) } });
    await using full = await ReportFile.open('/dev/full');
    await full?.write({ same: true }, logger);
    expect(lines.join()).toMatch(/the report could not be written.*ENOSPC/);
  });
});
