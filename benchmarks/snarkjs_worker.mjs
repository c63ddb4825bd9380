// A peer for zkmargin's benchmarks: snarkjs as a resident process, so that Node's start and the reading of files do not
// count. snarkjs is GPL-3.0: it is run here as a program that the tests install, nothing of it is copied.
//
//   node snarkjs_worker.mjs SNARKJS_FOLDER WTNS ZKEY     answers `prove` and `verify` lines as gnark-peer does
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [folder, wtnsPath, zkeyPath] = process.argv.slice(2);
const snarkjs = createRequire(import.meta.url)(folder);
const inMemory = (path) => ({ type: "mem", data: new Uint8Array(readFileSync(path)) });
const [wtns, zkey] = [inMemory(wtnsPath), inMemory(zkeyPath)];
const verificationKey = await snarkjs.zKey.exportVerificationKey(zkey);
const answer = (content) => process.stdout.write(JSON.stringify(content) + "\n");

let last;
answer({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  if (line === "prove") {
    last = await snarkjs.groth16.prove(zkey, wtns);
    const wall = (performance.now() - start) / 1e3;
    const used = process.cpuUsage(cpu);
    const peak = process.resourceUsage().maxRSS * 1024;
    answer({ wall, cpu: (used.user + used.system) / 1e6, peak_bytes: peak });
  } else if (line === "verify") {
    const ok = await snarkjs.groth16.verify(verificationKey, last.publicSignals, last.proof);
    answer({ wall: (performance.now() - start) / 1e3, ok });
  } else {
    throw new Error(`unknown request ${line}`);
  }
}
process.exit(0); // snarkjs keeps its worker threads otherwise
