import type { z } from 'zod';
import type { CallOptions } from '../bucket.ts';
import type { Answer, GcsClient } from './client.ts';
import { type Asked, brokenAnswer, bucketMissing } from './error.ts';
import { ObjectResource, objectPath, type Place } from './object.ts';
import { isBucketMissing } from './refusal.ts';

const FIELDS = 'name,size,generation,timeCreated,crc32c,metadata';

/** What the store tells of an object, or null where there is none. */
export async function readObject(
  client: GcsClient,
  place: Place,
  name: string,
  asked: Asked,
  options: CallOptions,
): Promise<ObjectResource | null> {
  const path = objectPath(place, name);
  const answer = await client.call({ asked, method: 'GET', path, query: { fields: FIELDS } }, [404], options);
  if (isBucketMissing(answer)) throw bucketMissing(asked);
  return answer.status === 404 ? null : resourceOf(answer, asked);
}

export const resourceOf = (answer: Answer, asked: Asked): ObjectResource =>
  parsed(ObjectResource, answer, asked);

/** @throws BUCKET_UNAVAILABLE if it is not what the store answers: a proxy's page, or cut short */
export function parsed<T>(schema: z.ZodType<T>, { text }: Answer, asked: Asked): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw brokenAnswer('the answer is not one of Google Cloud Storage', asked);
  }
}
