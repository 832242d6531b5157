/** The demo's application, for tests that need a source in use. */
export { createShop } from '@waybill/demo/shop/shop';
export { startWorkload, type Workload } from '@waybill/demo/workload/workload';

/**
 * Printed by every test that makes random choices; give it back in WAYBILL_TEST_SEED to repeat
 * them.
 */
export function testSeed(): number {
  const given = process.env.WAYBILL_TEST_SEED;
  const seed = given === undefined ? Math.floor(Math.random() * 1_000_000_000) : Number(given);
  console.log(`seed: ${seed} (repeat with WAYBILL_TEST_SEED=${seed})`);
  return seed;
}
