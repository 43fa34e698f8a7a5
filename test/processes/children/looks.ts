// Opens a client, looks at what there is and closes it, again and again. Prints how many runs it saw each time.
//
//   looks.ts <path> <rounds>
import process from 'node:process';
import { open } from 'perdure';

const [path = '', rounds = ''] = process.argv.slice(2);
const seen: number[] = [];
for (let round = 0; round < Number(rounds); round += 1) {
  const client = await open({ store: path, execute: false });
  const runs = await client.list({ limit: 100_000 });
  seen.push(runs.length);
  for (const { id } of runs.slice(0, 5)) {
    await client.get(id);
    await client.operations(id);
  }
  await client.close();
}
console.log(JSON.stringify(seen));
