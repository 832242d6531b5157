/** The demo's application, for tests that need a source in use. */
export { createShop } from '@waybill/demo/shop/shop';
export { startWorkload, type Workload } from '@waybill/demo/workload/workload';

/** Every test that makes random choices prints it. WAYBILL_TEST_SEED repeats them. */
export function testSeed(): number {
  const given = process.env.WAYBILL_TEST_SEED;
  const seed = given === undefined ? Math.floor(Math.random() * 1_000_000_000) : Number(given);
  console.log(`seed: ${seed} (repeat with WAYBILL_TEST_SEED=${seed})`);
  return seed;
}
