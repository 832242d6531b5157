/**
 * A second process for the contract suite: puts keys if absent and prints which of them it won, as
 * JSON. Options of the store come as JSON in CONTRACT_STORE, credentials as every SDK finds them in
 * the environment.
 */
import { hasCode } from '@waybill/shared/base/errors';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';

const [url, prefix, rounds, name] = process.argv.slice(2);
const bucket = await openBucket(url!, { store: JSON.parse(process.env.CONTRACT_STORE ?? '{}') });
const won: number[] = [];
for (let round = 0; round < Number(rounds); round++) {
  try {
    await bucket.put(`${prefix}${round}`, Buffer.from(name!), { ifAbsent: true });
    won.push(round);
  } catch (error) {
    if (!hasCode(error, 'BUCKET_OBJECT_EXISTS')) throw error;
  }
}
await bucket.close();
process.stdout.write(JSON.stringify(won));
