// Reads specs/vectors/collateral.json; prints every derived value of it, by circomlibjs's Poseidon and ethers' keccak and
// ABI coder. Nothing of this project's code takes part.
const { buildPoseidon } = require("circomlibjs");
const { utils } = require("ethers");

const TREE = { arity: 8, depth: 7 };
const text = (words) => utils.toUtf8Bytes(words);
const tag = (name) => BigInt(utils.hexlify(text("zkmargin.v1." + name)));
const upper248 = (hash) => BigInt(hash) >> 8n;
const hashed = (words) => utils.keccak256(text(words));
const abi = (types, values) => utils.keccak256(utils.defaultAbiCoder.encode(types, values));

buildPoseidon().then((poseidon) => {
  const hash = (...inputs) => BigInt(poseidon.F.toString(poseidon(inputs)));
  const { owner, asset, cid, pledge, tree } = JSON.parse(require("fs").readFileSync(0, "utf8"));
  const cidOf = (line) =>
    upper248(
      abi(
        ["bytes32", "bytes32", "bytes32", "bytes32", "bytes32", "uint32"],
        [
          hashed("CollateralId(string chain,string account,string asset,string custody,uint32 note)"),
          ...[line.chain, line.account, line.asset, line.custody].map(hashed),
          line.note,
        ],
      ),
    );
  const assetOf = (name) => upper248(hashed(name));
  const ak = hash(tag("ak"), BigInt(owner.ask));
  const pledgeDomain = abi(["uint256", "address"], [pledge.chainId, pledge.registry]);
  const scope = upper248(
    abi(
      ["bytes32", "bytes32", "uint64"],
      [hashed("PledgeScope(bytes32 pledgeDomain,uint64 epoch)"), pledgeDomain, pledge.epoch],
    ),
  );
  const leaves = tree.lines.map((line) =>
    hash(
      tag("leaf"),
      ...[line.owner, line.pocket].map(BigInt),
      assetOf(line.asset),
      ...[line.amount].map(BigInt),
      cidOf(line),
      ...[line.lockUntil, line.salt].map(BigInt),
      0n,
    ),
  );
  let level = leaves;
  let empty = 0n;
  for (let above = 0; above < TREE.depth; above++) {
    const next = [];
    for (let at = 0; at < level.length; at += TREE.arity) {
      const children = level.slice(at, at + TREE.arity);
      while (children.length < TREE.arity) children.push(empty);
      next.push(hash(...children));
    }
    empty = hash(...Array(TREE.arity).fill(empty));
    level = next;
  }
  const found = {
    owner: { ak, owner: hash(tag("owner"), ak, BigInt(owner.nk)) },
    asset: { id: assetOf(asset.asset) },
    cid: { cid: cidOf(cid) },
    pledge: { pledgeDomain, scope, nullifier: hash(tag("nf"), BigInt(owner.nk), scope, BigInt(pledge.pocket)) },
    tree: {
      lines: tree.lines.map((line, at) => ({ cid: cidOf(line), leaf: leaves[at] })),
      root: level[0],
      emptyRoot: empty,
    },
  };
  process.stdout.write(JSON.stringify(found, (_, value) => (typeof value === "bigint" ? value.toString() : value)));
});
