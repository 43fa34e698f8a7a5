import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Engine, open } from 'perdure';
import { bookTrip } from './saga.js';

const store = process.env.PERDURE_STORE || '.perdure/trips.db';
const [command = 'book', tripId = 'TRIP-1'] = process.argv.slice(2);
if (command !== 'book' && command !== 'cancel') {
  console.error('usage: main.ts [book <trip id> | cancel <trip id>]');
  process.exit(1);
}

const trip = { id: tripId, flight: 'LH 400', hotel: 'The Plaza', car: 'a small one' };

async function book(engine: Engine): Promise<void> {
  console.log(JSON.stringify(await engine.start(bookTrip, [trip], { id: tripId }), null, 2));
}

async function cancel(engine: Engine): Promise<void> {
  if (!(await engine.cancel(tripId, 'the customer stays at home'))) throw new Error(`${tripId} is over already`);
  // It has ended when everything is undone.
  await engine.future(tripId).exception();
  console.log(`${tripId} is ${(await engine.get(tripId)).status}`);
}

mkdirSync(dirname(store), { recursive: true });
await using engine = await open({ store });
try {
  await (command === 'cancel' ? cancel(engine) : book(engine));
} catch (error) {
  console.error(`${tripId}: ${(error as Error).message}`);
  process.exitCode = 1;
}
