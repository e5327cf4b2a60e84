import type { Client } from "../client.js";
import { type Reply, Verbatim } from "../protocol/reply.js";
import { long } from "./arguments.js";

const width = 60;
const height = 14;

/** Hills behind hills: each row of them is a sum of waves, the nearer the darker. */
function hills(random: () => number): string {
  const rows = Array.from({ length: height }, () => new Array<string>(width).fill(" "));
  const star = (): void => {
    rows[Math.floor(random() * 4)]![Math.floor(random() * width)] = ".";
  };
  for (let i = 0; i < 12; i++) star();
  for (const [depth, char] of [...":+#"].entries()) {
    const phase = random() * 6.3;
    const pitch = 0.06 + random() * 0.1;
    for (let x = 0; x < width; x++) {
      const wave = Math.sin(x * pitch + phase) + Math.sin(x * pitch * 2.3 + phase * 2) / 2;
      const top = Math.round(4 + depth * 3 + wave * 1.6);
      for (let y = Math.max(0, top); y < height; y++) rows[y]![x] = char;
    }
  }
  return rows.map((row) => row.join("").trimEnd()).join("\n");
}

/** A drawing that no two calls share, and the version. */
export function lolwut(c: Client, a: string[]): Reply {
  // Further arguments are the drawing's own in Redis; this one needs none, but they must be numbers there, too.
  for (const [at, arg] of a.slice(1).entries()) if (at > 0 || arg.toUpperCase() !== "VERSION") long(arg);
  return new Verbatim(`${hills(c.server.random)}\n\nRedis ver. ${c.server.version}\n`);
}
