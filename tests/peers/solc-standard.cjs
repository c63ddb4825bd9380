#!/usr/bin/env node
// npm's solc behind the options that forge and slither give a native one: --version; --standard-json; FILE --combined-json,
// which answers with interfaces and syntax trees and leaves code empty (slither reads no code).
'use strict';
const fs = require('fs');
const path = require('path');
const solc = require('solc');
const options = process.argv.slice(2);
const after = (name) => (options.includes(name) ? options[options.indexOf(name) + 1] : undefined);
const base = after('--base-path') || process.cwd();
const find = (name) => {
  try {
    return { contents: fs.readFileSync(path.resolve(base, name), 'utf8') };
  } catch (error) {
    return { error: String(error.message) };
  }
};
const version = solc.version().replace('.Emscripten.clang', '.Linux.g++');

function combined(file) {
  const input = {
    language: 'Solidity',
    sources: { [file]: { content: fs.readFileSync(file, 'utf8') } },
    settings: { outputSelection: { '*': { '*': ['abi', 'devdoc', 'userdoc'], '': ['ast'] } } },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: find }));
  const failed = (output.errors || []).filter((entry) => entry.severity === 'error');
  if (failed.length > 0) {
    process.stderr.write(failed.map((entry) => entry.formattedMessage).join('\n'));
    process.exit(1);
  }
  const contracts = {};
  for (const [name, made] of Object.entries(output.contracts)) {
    for (const [contract, { abi, devdoc, userdoc }] of Object.entries(made)) {
      const empty = { bin: '', 'bin-runtime': '', srcmap: '', 'srcmap-runtime': '' };
      contracts[`${name}:${contract}`] = { abi, devdoc, userdoc, ...empty };
    }
  }
  const names = Object.keys(output.sources).sort((a, b) => output.sources[a].id - output.sources[b].id);
  const sources = Object.fromEntries(names.map((name) => [name, { AST: output.sources[name].ast }]));
  return JSON.stringify({ contracts, sources, sourceList: names, version });
}

if (options.includes('--version')) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
} else if (options.includes('--standard-json')) {
  process.stdout.write(solc.compile(fs.readFileSync(0, 'utf8'), { import: find }));
} else if (after('--combined-json') !== undefined) {
  process.stdout.write(combined(options.find((option) => option.endsWith('.sol'))));
} else {
  process.stderr.write('--version, --standard-json or FILE --combined-json\n');
  process.exit(2);
}
