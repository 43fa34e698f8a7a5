module.exports = {
  mode: 'production',
  target: 'node',
  entry: './webpack/main.mjs',
  output: { path: `${__dirname}/out`, filename: 'main.mjs', module: true, chunkFormat: 'module' },
  experiments: { outputModule: true },
};
