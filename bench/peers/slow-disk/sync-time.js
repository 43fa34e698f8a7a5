import { fdatasyncSync, openSync, writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import process from 'node:process';

const file = openSync(process.argv[2], 'a');
const bytes = Buffer.alloc(200, 'x');
const times = Array.from({ length: 200 }, () => {
  const begin = performance.now();
  writeSync(file, bytes);
  fdatasyncSync(file);
  return performance.now() - begin;
});
console.log(Math.round(times.sort((a, b) => a - b)[100] * 1_000));
