// Builds the plain web page into the server's package. Anything from JupyterLab is refused here,
// dynamic imports included, because the page has to run without it.
import { rspack, HtmlRspackPlugin } from '@rspack/core';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

const refuseJupyter = ({ request }, done) =>
  /^@(jupyterlab|jupyter)\//.test(request)
    ? done(new Error(`${request} does not belong on the plain page`))
    : done();

const compiler = rspack({
  context: here,
  mode: 'production',
  target: ['web', 'es2020'],
  entry: { web: './lib/web.js' },
  devtool: false,
  externals: [refuseJupyter],
  performance: { hints: false },
  output: {
    path: resolve(here, '../server/nightbook/web'),
    filename: '[name].[contenthash:8].js',
    cssFilename: '[name].[contenthash:8].css',
    assetModuleFilename: '[name].[contenthash:8][ext]',
    publicPath: 'auto',
    clean: true,
    // Without a policy of its own a lazy chunk is blocked by require-trusted-types-for.
    trustedTypes: { policyName: 'nightbook' }
  },
  module: {
    rules: [
      // A file of its own: a style element would break style-src 'self'.
      { test: /\.css$/, type: 'css/auto' },
      { test: /\.svg$/, type: 'asset/resource' }
    ]
  },
  plugins: [
    new HtmlRspackPlugin({
      template: './web.html',
      favicon: './style/favicon.svg',
      scriptLoading: 'module',
      publicPath: '__ROOT__'
    })
  ]
});

compiler.run((error, stats) => {
  const failed = error || stats.hasErrors();
  if (error) {
    console.error(error);
  } else {
    console.log(stats.toString({ preset: failed ? 'errors-only' : 'summary', colors: false }));
  }
  compiler.close(() => process.exit(failed ? 1 : 0));
});
