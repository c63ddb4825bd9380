// Reads a JSON list of lists of decimal strings; prints circomlibjs's Poseidon of each.
const { buildPoseidon } = require("circomlibjs");

buildPoseidon().then((poseidon) => {
  const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
  const hashes = cases.map((inputs) => poseidon.F.toString(poseidon(inputs)));
  process.stdout.write(JSON.stringify(hashes));
});
