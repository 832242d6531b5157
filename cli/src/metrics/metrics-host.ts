/**
 * Metrics are served to this machine alone unless the operator opens them. They name no data, but
 * they are nobody else's business either.
 */
export const DEFAULT_METRICS_HOST = '127.0.0.1';
