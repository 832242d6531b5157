import { DEFAULT_METRICS_HOST } from '../../metrics/metrics-host.ts';
import { COMMANDS } from '../spec/commands.ts';
import type { OptionSpec } from '../spec/option.ts';

/** Configuration file, output, log and metrics. */
export const GENERAL_OPTIONS = {
  config: {
    type: 'string',
    group: 'General',
    commands: COMMANDS,
    alias: 'c',
    describe: 'A YAML file whose keys are the names of these options.',
    example: 'waybill.yaml',
  },
  json: {
    type: 'boolean',
    group: 'General',
    commands: COMMANDS,
    describe: 'Print results and errors as JSON.',
  },
  'log-format': {
    type: 'enum',
    group: 'General',
    commands: COMMANDS,
    choices: ['text', 'json'],
    default: 'text',
    describe: 'Format of the log on stderr.',
  },
  'log-level': {
    type: 'enum',
    group: 'General',
    commands: COMMANDS,
    choices: ['debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
    describe: 'Log lines of this level and above.',
  },
  'metrics-port': {
    type: 'integer',
    group: 'General',
    commands: ['capture', 'load', 'run'],
    max: 65_535,
    describe:
      'Serve Prometheus metrics, /healthz and /readyz on this port. 0 picks a free one. Default: off.',
    example: '9464',
  },
  'metrics-host': {
    type: 'string',
    group: 'General',
    commands: ['capture', 'load', 'run'],
    default: DEFAULT_METRICS_HOST,
    describe: 'Address to serve metrics on.',
    example: '0.0.0.0',
  },
} as const satisfies Readonly<Record<string, OptionSpec>>;
