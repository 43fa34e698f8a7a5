import { open } from 'perdure';
import { checkout, report, strictCheckout } from './failures.js';

await using engine = await open({ store: ':memory:' });

console.log('caught in the flow:', await engine.start(checkout, [250]));
console.log('asked for:', await engine.start(report, [[50, 250]]));

const error = await engine.start(strictCheckout, [250]).exception();
console.log('not caught by the flow:', `${error}`);
