// Compiles the Solidity of standard input; prints bytecode and storage layout of each contract as JSON.
'use strict';
const solc = require('solc');
const content = require('fs').readFileSync(0, 'utf8');
const input = {
  language: 'Solidity',
  sources: { 'contracts.sol': { content } },
  settings: {
    evmVersion: 'paris',
    optimizer: { enabled: true, runs: 200 },
    metadata: { bytecodeHash: 'none', appendCBOR: false },
    outputSelection: { '*': { '*': ['evm.bytecode.object', 'storageLayout'] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
const failed = (output.errors || []).filter((entry) => entry.severity === 'error');
if (failed.length > 0) {
  process.stderr.write(failed.map((entry) => entry.formattedMessage).join('\n'));
  process.exit(1);
}
const found = {};
for (const [name, contract] of Object.entries(output.contracts['contracts.sol'])) {
  const slots = {};
  for (const entry of contract.storageLayout.storage) slots[entry.label] = entry.slot;
  found[name] = { bytecode: '0x' + contract.evm.bytecode.object, slots };
}
process.stdout.write(JSON.stringify(found));
