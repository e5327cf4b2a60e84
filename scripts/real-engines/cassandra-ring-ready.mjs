// How a ring says that it is one: cassandra-ring.mjs writes this file when every node knows the two others.
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

/** In the data folder of a ring: the processes' ids, `{ ring, nodes: [first, second, third] }`. */
export const ringFile = (data) => join(data, "ring.json");

/** Resolves when the nodes of the ring in `data` know each other; rejects when `gone` says why they will not. */
export async function ringIsReady(data, gone) {
  for (;;) {
    const there = await access(ringFile(data)).then(
      () => true,
      () => false,
    );
    if (there && JSON.parse(await readFile(ringFile(data), "utf8")).nodes.length === 3) return;
    if (gone() !== undefined) throw new Error(`the ring ended at its start: ${gone()}`);
    await setTimeout(50);
  }
}
