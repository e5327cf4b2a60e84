import { describe, expect, it } from "vitest";
import { type Reply, ReplyMap, ReplySet, Status } from "../protocol/reply.js";
import { argumentDocs } from "./argument-docs.js";
import { argumentSyntax } from "./argument-syntax.js";
import { commands } from "./table.js";

/** A reply as plain values. */
function plain(reply: Reply): unknown {
  if (reply instanceof ReplySet) return reply.items.map(plain);
  if (reply instanceof Status) return reply.text;
  if (reply instanceof ReplyMap) {
    return Object.fromEntries(
      reply.flat.flatMap((key, i) => (i % 2 === 0 ? [[key as string, plain(reply.flat[i + 1]!)]] : [])),
    );
  }
  return Array.isArray(reply) ? reply.map(plain) : reply;
}

/** How many arguments a list has, those inside of others included. */
function countMaps(reply: Reply): number {
  if (reply instanceof ReplyMap) return 1 + countMaps(reply.flat);
  return Array.isArray(reply) ? reply.reduce<number>((sum, one: Reply) => sum + countMaps(one), 0) : 0;
}

describe("the arguments that COMMAND DOCS lists", () => {
  it("are those of Redis 7.2", () => {
    expect(plain(argumentDocs("set")!)).toEqual([
      { name: "key", type: "key", display_text: "key", key_spec_index: 0 },
      { name: "value", type: "string", display_text: "value" },
      {
        name: "condition",
        type: "oneof",
        since: "2.6.12",
        flags: ["optional"],
        arguments: [
          { name: "nx", type: "pure-token", display_text: "nx", token: "NX" },
          { name: "xx", type: "pure-token", display_text: "xx", token: "XX" },
        ],
      },
      { name: "get", type: "pure-token", display_text: "get", token: "GET", since: "6.2.0", flags: ["optional"] },
      {
        name: "expiration",
        type: "oneof",
        flags: ["optional"],
        arguments: [
          { name: "seconds", type: "integer", display_text: "seconds", token: "EX", since: "2.6.12" },
          { name: "milliseconds", type: "integer", display_text: "milliseconds", token: "PX", since: "2.6.12" },
          {
            name: "unix-time-seconds",
            type: "unix-time",
            display_text: "unix-time-seconds",
            token: "EXAT",
            since: "6.2.0",
          },
          {
            name: "unix-time-milliseconds",
            type: "unix-time",
            display_text: "unix-time-milliseconds",
            token: "PXAT",
            since: "6.2.0",
          },
          { name: "keepttl", type: "pure-token", display_text: "keepttl", token: "KEEPTTL", since: "6.0.0" },
        ],
      },
    ]);
    expect(plain(argumentDocs("sort")!)).toContainEqual({
      name: "get-pattern",
      type: "pattern",
      display_text: "pattern",
      key_spec_index: 1,
      token: "GET",
      flags: ["optional", "multiple", "multiple_token"],
    });
    expect(plain(argumentDocs("client|kill")!)).toMatchObject([
      { name: "filter", type: "oneof", arguments: [{ display_text: "ip:port", deprecated_since: "2.8.12" }, {}] },
    ]);
    expect(plain(argumentDocs("migrate")!)).toContainEqual({
      name: "key-selector",
      type: "oneof",
      arguments: [
        { name: "key", type: "key", display_text: "key", key_spec_index: 0 },
        { name: "empty-string", type: "pure-token", display_text: "empty-string", token: '""' },
      ],
    });
  });

  it("belong to commands that there are, and are read to their end", () => {
    const known = new Set(
      [...commands().values()].flatMap((one) => [
        one.fullName,
        ...[...(one.subcommands?.values() ?? [])].map(({ fullName }) => fullName),
      ]),
    );
    // Each name in the short form is one in the reply: words that stand alone, without the signs that follow a name.
    for (const [name, text] of Object.entries(argumentSyntax)) {
      expect(known, name).toContain(name);
      const listed = countMaps(argumentDocs(name)!);
      const bare = text.replace(/'[^']*'/g, "").replace(/[~=!][\w-]*|:[idptk]|\^[\d.]+|-[\d.]+(?=[+\])|} ]|$)/g, "");
      expect(listed, `${name}: ${text}`).toBe(bare.match(/[A-Za-z_][\w-]*/g)!.length);
    }
  });
});
