import fc from "fast-check";
import { contents } from "./contents.js";
import { RandomCommands } from "./random-commands.js";
import { rareCommand } from "./rare-commands.js";
import { RespClient, type WireReply } from "./resp-client.js";

/** How the requests of a piece are sent. */
export type Mode = "pipelined" | "transaction" | "script";

export interface Piece {
  readonly mode: Mode;
  readonly requests: readonly (readonly string[])[];
}

export interface Sequence {
  readonly resp: 2 | 3;
  /** Whether the connection asks to be told when what it has read changes (RESP3 alone). */
  readonly tracking: boolean;
  readonly pieces: readonly Piece[];
}

/** A request that depends on its number alone, so that a failing sequence shrinks to the requests that matter. */
function requestOf(number: number): string[] {
  const commands = new RandomCommands(number);
  return commands.int(10) < 3 ? rareCommand(commands) : commands.next();
}

/** A script that would block: 7.2 refuses, later ones answer as if the time were over. */
function mayBeScripted(request: readonly string[]): boolean {
  return !(request[0]!.startsWith("XREAD") && request.includes("BLOCK"));
}

const pieces: fc.Arbitrary<Piece> = fc
  .record({
    mode: fc.constantFrom<Mode>("pipelined", "pipelined", "pipelined", "transaction", "script"),
    requests: fc.array(fc.nat({ max: 2 ** 31 - 1 }).map(requestOf), { minLength: 1, maxLength: 8 }),
  })
  .map(({ mode, requests }) => ({ mode, requests: mode === "script" ? requests.filter(mayBeScripted) : requests }));

export const sequences: fc.Arbitrary<Sequence> = fc.record({
  resp: fc.constantFrom(2 as const, 3 as const),
  tracking: fc.boolean(),
  pieces: fc.array(pieces, { maxLength: 60, size: "max" }),
});

/** Runs requests one after the other as a script would, and gives their replies, errors too. */
const runner = `
if ARGV[1] == '3' then redis.setresp(3) end
local out, at = {}, 2
while at <= #ARGV do
  local count = tonumber(ARGV[at])
  out[#out + 1] = { redis.pcall(unpack(ARGV, at + 1, at + count)) }
  at = at + count + 1
end
return out`;

async function send(client: RespClient, { mode, requests }: Piece, resp: number): Promise<WireReply[]> {
  if (mode === "pipelined") return client.pipeline(requests);
  if (mode === "transaction") {
    const replies = await client.pipeline([["MULTI"], ...requests, ["EXEC"]]);
    const results = replies.at(-1);
    return Array.isArray(results) ? results.slice(1) : replies;
  }
  const flat = requests.flatMap((request) => [String(request.length), ...request]);
  const reply = await client.send("EVAL", runner, "0", String(resp), ...flat);
  return Array.isArray(reply) ? reply.slice(1).map((one) => (one as WireReply[])[1] ?? null) : [reply];
}

/** Commands whose elements come in no order that a client may rely on. */
const unordered = new Set(["KEYS", "SMEMBERS", "SUNION", "SINTER", "SDIFF", "HKEYS", "HVALS", "SRANDMEMBER"]);
/** The same for pairs, and for what follows a cursor. */
const unorderedPairs = new Set(["HGETALL"]);
const scans = new Set(["SCAN", "SSCAN", "HSCAN", "ZSCAN"]);
const ages = new Set(["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"]);

const sorted = (items: readonly WireReply[]): string[] => items.map((item) => JSON.stringify(item)).sort();

function pairs(items: readonly WireReply[]): string[] {
  const out: WireReply[] = [];
  for (let i = 0; i < items.length; i += 2) out.push([items[i]!, items[i + 1]!]);
  return sorted(out);
}

/** Maps inside a reply in one order. */
function ordered(reply: WireReply): WireReply {
  if (!Array.isArray(reply)) return reply;
  const [kind, ...items] = reply as [string, ...WireReply[]];
  const inside = items.map(ordered);
  return [kind, ...(kind === "%" ? pairs(inside) : inside)];
}

/** A reply as text, in which what servers may answer differently is made the same. */
function comparable(request: readonly string[], reply: WireReply): string {
  const name = request[0]!.toUpperCase();
  if (Array.isArray(reply)) {
    // Neither a map nor a table of Lua has an order.
    if (reply[0] === "%" || (name === "CONFIG" && request[1] === "GET"))
      return JSON.stringify(["%", ...pairs(reply.slice(1).map(ordered))]);
    const [kind, ...items] = reply as [string, ...WireReply[]];
    if (unordered.has(name) || (name === "SPOP" && request.length > 2)) return JSON.stringify([kind, ...sorted(items)]);
    if (name === "HRANDFIELD" || name === "ZRANDMEMBER") {
      const flat = request.length > 3 && !Array.isArray(items[0]);
      return JSON.stringify([kind, ...(flat ? pairs(items) : sorted(items))]);
    }
    if (unorderedPairs.has(name)) return JSON.stringify([kind, ...pairs(items)]);
    if (scans.has(name) && Array.isArray(items[1])) {
      const found = items[1].slice(1) as WireReply[];
      return JSON.stringify([items[0], ...(name === "HSCAN" || name === "ZSCAN" ? pairs(found) : sorted(found))]);
    }
    // The order of a set's members: neither sorted nor by insertion.
    if (name === "SORT" && request.includes("nosort") === false && request.includes("GET"))
      return JSON.stringify(sorted(items));
  }
  // A moment that was given as "so long from now".
  if (ages.has(name) && typeof reply === "string" && /^:\d{4,}$/.test(reply)) return ":a while";
  const text = JSON.stringify(ordered(reply));
  // Redis 8 shows the shortest digits of a coordinate, 7.2 those of a long double.
  if (name.startsWith("GEO")) return text.replace(/(?<=[$,])-?\d+\.\d{8,}/g, (digits) => String(Number(digits)));
  return text;
}

export interface Difference {
  readonly request: readonly string[];
  readonly ours: string;
  readonly theirs: string;
}

/** Whether two replies to a request may differ between our version and theirs; see docs/engines/redis.md. */
export type Known = (request: readonly string[], ours: string, theirs: string, mode: string) => boolean;

const settings: readonly (readonly string[])[] = [
  ["CONFIG", "SET", "notify-keyspace-events", "KEA"],
  ["CONFIG", "SET", "hash-max-listpack-entries", "128"],
  ["CONFIG", "SET", "zset-max-listpack-entries", "128"],
  ["CONFIG", "SET", "set-max-intset-entries", "512"],
];

/** One server with the two connections that a comparison needs. */
class Side {
  readonly client: RespClient;
  /** Hears the events of the keyspace and the messages of a channel. */
  readonly listener: RespClient;

  private constructor(client: RespClient, listener: RespClient) {
    this.client = client;
    this.listener = listener;
  }

  static async open(port: number, { resp, tracking }: Sequence): Promise<Side> {
    const side = new Side(await RespClient.open(port), await RespClient.open(port));
    const { client, listener } = side;
    await client.pipeline([["FLUSHALL"], ["FUNCTION", "FLUSH"], ["SCRIPT", "FLUSH"], ...settings]);
    if (resp === 3) await client.send("HELLO", "3");
    if (resp === 3 && tracking) await client.send("CLIENT", "TRACKING", "ON");
    await listener.send("HELLO", "3");
    await listener.send("PSUBSCRIBE", "__key*__:*");
    await listener.send("PSUBSCRIBE", "c*");
    listener.pushes.length = 0;
    return side;
  }

  /** What has been pushed since, once all that was sent before has been answered. */
  async pushed(): Promise<{ events: string[]; invalidations: string[] }> {
    await this.listener.send("PING");
    const events = this.listener.pushes.splice(0).map((push) => JSON.stringify(push));
    const invalidations = sorted(this.client.pushes.splice(0));
    return { events, invalidations };
  }

  close(): void {
    this.client.close();
    this.listener.close();
  }
}

/** Sends a sequence to two servers; the first difference in replies, events or final data, or undefined. */
export async function compare(
  ourPort: number,
  theirPort: number,
  sequence: Sequence,
  known: Known = () => false,
): Promise<Difference | undefined> {
  const ours = await Side.open(ourPort, sequence);
  const theirs = await Side.open(theirPort, sequence);
  try {
    for (const piece of sequence.pieces) {
      const [left, right] = await Promise.all([
        send(ours.client, piece, sequence.resp),
        send(theirs.client, piece, sequence.resp),
      ]);
      const whole = [piece.mode, ...piece.requests.map((request) => JSON.stringify(request))];
      if (left.length !== right.length) {
        return { request: whole, ours: JSON.stringify(left), theirs: JSON.stringify(right) };
      }
      for (let i = 0; i < left.length; i++) {
        // A transaction that was refused has the replies of its queueing in place of results.
        const request = left.length === piece.requests.length ? piece.requests[i]! : whole;
        const x = comparable(request, left[i] ?? null);
        const y = comparable(request, right[i] ?? null);
        if (x !== y && !known(request, x, y, piece.mode))
          return { request: [piece.mode, ...request], ours: x, theirs: y };
      }
      const [a, b] = await Promise.all([ours.pushed(), theirs.pushed()]);
      for (const kind of ["events", "invalidations"] as const) {
        const x = a[kind].join("\n");
        const y = b[kind].join("\n");
        if (x !== y && !known([kind, ...whole], x, y, piece.mode))
          return { request: [kind, ...whole], ours: x, theirs: y };
      }
    }
    for (const side of [ours, theirs]) await side.client.send("HELLO", "2");
    const [mine, his] = await Promise.all([contents(ours.client, ["0", "1"]), contents(theirs.client, ["0", "1"])]);
    for (const key of new Set([...Object.keys(mine), ...Object.keys(his)])) {
      const strip = (value: unknown): string =>
        JSON.stringify(value)?.replace(/":\d{10,}"/g, '":a while"') ?? "nothing";
      // A distance's last digit depends on the mathematical library.
      const round = (text: string): string =>
        /^\d g/.test(key) ? text.replace(/\d\.\d{9,}/g, (one) => one.slice(0, 10)) : text;
      const [x, y] = [round(strip(mine[key])), round(strip(his[key]))];
      if (x === y || known(["final data"], x, y, "")) continue;
      return { request: ["final data", key], ours: strip(mine[key]), theirs: strip(his[key]) };
    }
    return undefined;
  } finally {
    ours.close();
    theirs.close();
  }
}
