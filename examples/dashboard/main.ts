import { open } from 'perdure';
import { getDashboard } from './dashboard.js';

await using engine = await open({ store: ':memory:' });
console.log(JSON.stringify(await engine.start(getDashboard, ['u1']), null, 2));
