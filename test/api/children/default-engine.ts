import { flow } from 'perdure';

const greet = flow('greet', async () => 'hello');
process.stdout.write(`${await greet()}\n`);
process.exit(0);
