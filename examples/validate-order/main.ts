import { open } from 'perdure';
import { validateOrder } from './validate-order.js';

await using engine = await open({ store: ':memory:' });
const order = { productId: 'PROD-001', quantity: 12, zipCode: '94102', cardNumber: '5500' };
console.log(JSON.stringify(await engine.start(validateOrder, [order]), null, 2));
