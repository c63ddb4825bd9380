#!/usr/bin/env node
// npm's solc behind the options that forge and slither give a native one: --version, --standard-json.
'use strict';
const fs = require('fs');
const path = require('path');
const solc = require('solc');
const options = process.argv.slice(2);
if (options.includes('--version')) {
  process.stdout.write('solc, the solidity compiler commandline interface\nVersion: ' + solc.version().replace('.Emscripten.clang', '.Linux.g++') + '\n');
  process.exit(0);
}
if (!options.includes('--standard-json')) {
  process.stderr.write('only --version and --standard-json\n');
  process.exit(2);
}
const base = options.includes('--base-path') ? options[options.indexOf('--base-path') + 1] : process.cwd();
const find = (name) => {
  try {
    return { contents: fs.readFileSync(path.resolve(base, name), 'utf8') };
  } catch (error) {
    return { error: String(error.message) };
  }
};
process.stdout.write(solc.compile(fs.readFileSync(0, 'utf8'), { import: find }));
