import { connect } from '@waybill/shared/mongo/connection';
import { openBucket } from '@waybill/shared/bucket/open-bucket';
import { createLogger } from '@waybill/shared/logger';
import { createMetrics } from '@waybill/shared/metrics';
import { createCaptureStats } from '@waybill/shared/stats';
import { runCapture } from '@waybill/capture/capture';
import { DEFAULT_CAPTURE_SETTINGS } from '@waybill/capture/settings';
const [uri, folder, ...rest] = process.argv.slice(2);
const over = JSON.parse(rest[0] ?? '{}');
const ac = new AbortController();
process.on('SIGINT', () => ac.abort()); process.on('SIGTERM', () => ac.abort());
const source = await connect(uri!, { role: 'source' });
const bucket = await openBucket(folder!);
const stats = createCaptureStats();
const t=performance.now();
try {
  const r = await runCapture({ ...DEFAULT_CAPTURE_SETTINGS, ...over }, { bucket, source, logger: createLogger({ level: over.level ?? 'info' }), metrics: createMetrics(), stats, signal: ac.signal });
  console.log(r.ended, r.lastSequence, r.snapshotDocuments, r.milestones.map(m=>m.name+'@'+m.clusterTime).join(' '));
} catch (e) { console.log('ERR', (e as any).code, e); }
console.log(((performance.now()-t)/1000).toFixed(2)+'s', 'rss', Math.round(process.resourceUsage().maxRSS/1024)+'M', JSON.stringify({...stats, collections: Object.fromEntries(stats.collections)}, (_k,v)=>typeof v==='bigint'?String(v):v));
await source.close(); await bucket.close();
