import { flow, startable, type UsageError } from 'perdure';

class Same {
  @flow({ instance: () => 'same' })
  async run(): Promise<void> {}
}

const [first, second] = [new Same(), new Same()];
startable(first.run);
try {
  startable(second.run);
} catch (error) {
  process.stdout.write(`${(error as UsageError).code}\n`);
}
setImmediate(() => process.stdout.write('alive\n'));
