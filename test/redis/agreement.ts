import { RandomCommands } from "./random-commands.js";
import { RespClient, type WireReply } from "./resp-client.js";

/** Commands whose elements come in no order that a client may rely on. */
const unordered = new Set(["KEYS", "SMEMBERS", "SUNION", "SINTER", "SDIFF", "HKEYS", "HVALS"]);

function comparable(request: readonly string[], reply: WireReply): string {
  if (unordered.has(request[0]!) && Array.isArray(reply)) {
    return JSON.stringify([
      reply[0],
      ...reply
        .slice(1)
        .map((item) => JSON.stringify(item))
        .sort(),
    ]);
  }
  if (request[0] === "HGETALL" && Array.isArray(reply)) {
    const pairs: string[] = [];
    for (let i = 1; i < reply.length; i += 2) pairs.push(JSON.stringify([reply[i], reply[i + 1]]));
    return JSON.stringify([reply[0], ...pairs.sort()]);
  }
  return JSON.stringify(reply);
}

export interface Difference {
  readonly request: readonly string[];
  readonly ours: string;
  readonly theirs: string;
  /** What was sent before, newest last. */
  readonly before: readonly (readonly string[])[];
}

/**
 * Sends the same random requests to two servers, pipelined and in transactions, in RESP2 or RESP3; the first reply in
 * which they differ, or undefined.
 */
export async function compare(
  ourPort: number,
  theirPort: number,
  seed: number,
  requests: number,
  resp: 2 | 3,
  known: (request: readonly string[], ours: string, theirs: string) => boolean = () => false,
): Promise<Difference | undefined> {
  const ours = await RespClient.open(ourPort);
  const theirs = await RespClient.open(theirPort);
  const history: (readonly string[])[] = [];
  try {
    for (const client of [ours, theirs]) {
      await client.send("FLUSHALL");
      if (resp === 3) await client.send("HELLO", "3");
    }
    const random = new RandomCommands(seed);
    for (let sent = 0; sent < requests; ) {
      const { count, transaction } = random.shape();
      const body = Array.from({ length: count }, () => random.next());
      const batch = transaction ? [["MULTI"], ...body, ["EXEC"]] : body;
      const [left, right] = await Promise.all([ours.pipeline(batch), theirs.pipeline(batch)]);
      for (let i = 0; i < batch.length; i++) {
        const request = batch[i]!;
        const inside = request[0] === "EXEC" && Array.isArray(left[i]) && Array.isArray(right[i]);
        if (inside) {
          const a = left[i] as WireReply[];
          const b = right[i] as WireReply[];
          for (let k = 1; k < Math.max(a.length, b.length); k++) {
            const x = comparable(body[k - 1] ?? request, a[k] ?? null);
            const y = comparable(body[k - 1] ?? request, b[k] ?? null);
            if (x !== y && !known(body[k - 1]!, x, y)) {
              return { request: body[k - 1]!, ours: x, theirs: y, before: history.slice(-400) };
            }
            history.push(body[k - 1] ?? request);
          }
          continue;
        }
        const x = comparable(request, left[i]!);
        const y = comparable(request, right[i]!);
        if (x !== y && !known(request, x, y)) return { request, ours: x, theirs: y, before: history.slice(-400) };
        if (!transaction) history.push(request);
      }
      sent += batch.length;
    }
    return undefined;
  } finally {
    ours.close();
    theirs.close();
  }
}
