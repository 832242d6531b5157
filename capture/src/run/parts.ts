import type { CaptureDeps } from '../start/deps.ts';
import type { CaptureSettings } from '../start/settings.ts';
import type { StartedStream } from '../start/start-stream.ts';
import type { Tailing } from './tailer-wiring.ts';

/** What every activity of a running capture works with. */
export interface RunParts {
  readonly settings: CaptureSettings;
  readonly deps: CaptureDeps;
  readonly stream: StartedStream;
  readonly tailing: Tailing;
  /** Finish what was begun. */
  readonly stop: AbortSignal;
  /** Give up what is under way. */
  readonly abort: AbortSignal;
}
