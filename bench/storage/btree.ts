/**
 * `npx jiti bench/storage/btree.ts`: what the comments in src/engines/storage say, measured: CPU time of the tree's
 * inserts and gets by the size of its nodes, and of comparing keys as strings and as Buffers. The least of four rounds.
 */
import { readFileSync } from "node:fs";
import { transformSync } from "esbuild";
import type { BTree } from "../../src/engines/storage/btree.js";

const KEYS = 200_000;
const ROUNDS = 4;
const source = readFileSync("src/engines/storage/btree.ts", "utf8");

async function treeOf(capacity: number): Promise<typeof BTree> {
  const sized = source.replace(/const capacity = \d+/, `const capacity = ${capacity}`);
  const { code } = transformSync(sized, { loader: "ts", format: "esm", target: "node20" });
  return (await import(`data:text/javascript,${encodeURIComponent(code)}`)).BTree as typeof BTree;
}

/** Nanoseconds of CPU time an operation. */
function cpu(work: () => void): number {
  const before = process.cpuUsage();
  work();
  return (process.cpuUsage(before).user * 1000) / KEYS;
}

const ascending: string[] = [];
const scattered: string[] = [];
for (let i = 0; i < KEYS; i++) {
  ascending.push(Buffer.from([1, 0, 0, i >>> 16, (i >>> 8) & 255, i & 255]).toString("latin1"));
  const mixed = Math.imul(i ^ 0x9e3779b9, 0x85ebca6b) >>> 0;
  scattered.push(Buffer.from(`<${12_000 + (mixed % 4_372)}\0${mixed}`).toString("latin1"));
}
const jumping = Array.from({ length: KEYS }, (_, i) => (i * 7919) % KEYS);

for (const capacity of [16, 32, 64, 128, 256]) {
  const Tree = await treeOf(capacity);
  const least = [Infinity, Infinity, Infinity, Infinity];
  for (let round = 0; round < ROUNDS; round++) {
    const one = new Tree<string>();
    const two = new Tree<string>();
    const taken = [
      cpu(() => {
        for (const key of ascending) one.put(key, key);
      }),
      cpu(() => {
        for (const key of scattered) two.put(key, key);
      }),
      cpu(() => {
        for (const at of jumping) one.get(ascending[at]!);
      }),
      cpu(() => {
        for (const at of jumping) two.get(scattered[at]!);
      }),
    ];
    for (const [i, time] of taken.entries()) least[i] = Math.min(least[i]!, time);
  }
  const [inOrder, inNone, getOne, getTwo] = least.map((time) => time.toFixed(0).padStart(5));
  console.log(
    `nodes of ${String(capacity).padStart(3)}: insert in order ${inOrder} ns, in no order ${inNone} ns; get ${getOne} and ${getTwo} ns`,
  );
}

const buffers = scattered.map((key) => Buffer.from(key, "latin1"));
let smaller = 0;
for (let round = 0; round < ROUNDS; round++) {
  const strings = cpu(() => {
    for (let i = 1; i < KEYS; i++) if (scattered[i - 1]! < scattered[i]!) smaller++;
  });
  const bytes = cpu(() => {
    for (let i = 1; i < KEYS; i++) if (Buffer.compare(buffers[i - 1]!, buffers[i]!) < 0) smaller++;
  });
  console.log(`compare: strings ${strings.toFixed(0)} ns, Buffers ${bytes.toFixed(0)} ns`);
}
console.log(`(${smaller} of them ascending)`);
