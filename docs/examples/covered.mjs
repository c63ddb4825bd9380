// Is an account covered? With nothing but fetch: node covered.mjs NODE ABI RECORD ACCOUNT MAXIMUM_AGE
//   NODE     the chain's JSON-RPC node
//   ABI      artifacts.json, which `zkmargin contracts export` writes
//   RECORD   record.json, which `zkmargin contracts submit` writes
// Prints "covered" and ends with 0, or prints why not and ends with 1.
import { readFileSync } from 'node:fs';

const [node, artifacts, file, account, maximumAge] = process.argv.slice(2);
const { contracts } = JSON.parse(readFileSync(artifacts, 'utf8'));
const { domain, nullifier, record } = JSON.parse(readFileSync(file, 'utf8'));

// The ABI encoding of requireCovered(address,bytes32,uint256,uint256,Record): four words, the place of the record, the record.
// Its one dynamic member, statementSeqs, stands behind the others. Its members are the file's, in the interface's order.
const word = (value) => {
  const hex = typeof value === 'string' && value.startsWith('0x') ? value.slice(2) : BigInt(value).toString(16);
  return hex.padStart(64, '0');
};
const { components } = contracts.MarginRegistry.abi
  .find((entry) => entry.name === 'requireCovered')
  .inputs.find((input) => input.name === 'record');
const head = components.map(({ name }) => (name === 'statementSeqs' ? word(32 * components.length) : word(record[name])));
const tail = [word(record.statementSeqs.length), ...record.statementSeqs.map(word)];
const words = [word(account), word(record.policyId), word(maximumAge), word(nullifier), word(5 * 32), ...head, ...tail];
const data = contracts.MarginRegistry.selectors.requireCovered + words.join('');

const asked = { jsonrpc: '2.0', id: 1, method: 'eth_call', params: [{ to: domain.verifyingContract, data }, 'latest'] };
const answer = await (
  await fetch(node, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(asked) })
).json();

if (answer.error === undefined) {
  console.log('covered');
} else {
  // NotCovered(string): the selector, a place, a length, the text
  const given = typeof answer.error.data === 'string' ? answer.error.data : '';
  const length = Number('0x' + (given.slice(74, 138) || '0'));
  console.log('not covered: ' + (Buffer.from(given.slice(138, 138 + 2 * length), 'hex').toString() || answer.error.message));
  process.exitCode = 1;
}
