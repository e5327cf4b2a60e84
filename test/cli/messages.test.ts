import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startMongodb } from "../../src/testing/index.js";
import { folder, keyfold, MODEL, STACK, server } from "./keyfold.js";

const NOWHERE = "mongodb://127.0.0.1:9/shop?serverSelectionTimeoutMS=300";
// Each test starts several processes, perhaps on a machine that is busy with others.
vi.setConfig({ testTimeout: 90_000 });

const { file, path } = folder();
let host: Awaited<ReturnType<typeof server>>;
beforeAll(async () => {
  host = await server();
});
afterAll(() => host.close());

/** Runs a command that must fail, and gives what a person reads. */
async function told(args: readonly string[], code: number, env?: Record<string, string>): Promise<string> {
  const ran = await keyfold(args, env === undefined ? {} : { env });
  expect(ran.stdout).toBe("");
  expect(ran.stderr).not.toMatch(STACK);
  expect(ran.code, ran.stderr).toBe(code);
  return ran.stderr;
}

describe("asked wrongly: exit code 2, what was wrong, and what to do", () => {
  test.each([
    ["a command that does not exist", ["lod"], /there is no command lod\n.*Did you mean load\?/],
    ["no command", [], /Usage: keyfold/],
    ["an option that does not exist", ["plan", MODEL, "--engin", "mongodb"], /unknown option '--engin'[\s\S]*--engine/],
    ["a missing option", ["query", MODEL, "lineBySeq", "seq=1"], /required option '--at <url>' not specified/],
    ["a missing argument", ["plan"], /missing required argument 'model'/],
    [
      "a number that is none",
      ["query", MODEL, "lineBySeq", "seq=1", "--at", NOWHERE, "--limit", "many"],
      /'many' is invalid.*whole number/,
    ],
    ["a model that is not there", ["plan", "nowhere.ts"], /there is no model file nowhere\.ts/],
    ["a model that is no script", ["plan", "package.json"], /package\.json is not a TypeScript or JavaScript file/],
    [
      "an entity that does not exist",
      ["load", MODEL, "lines", "x.csv", "--to", NOWHERE],
      /no entity lines\n.*Did you mean line\?/,
    ],
    [
      "a file that does not exist",
      ["load", MODEL, "line", "x.csv", "--to", NOWHERE],
      /there is no file x\.csv\n.*Check the path/,
    ],
    [
      "a pattern that does not exist",
      ["query", MODEL, "linesByCustomr", "--at", NOWHERE],
      /no pattern linesByCustomr\n.*Did you mean linesByCustomer\?/,
    ],
    [
      "a parameter that does not exist",
      ["query", MODEL, "linesByCustomer", "customer=1", "--at", NOWHERE],
      /no parameter customer\n.*customerId/,
    ],
    [
      "a parameter left out",
      ["query", MODEL, "linesByCustomer", "--at", NOWHERE],
      /linesByCustomer needs customerId=… \(text\)/,
    ],
    [
      "a parameter without a name",
      ["query", MODEL, "linesByCustomer", "17850", "--at", NOWHERE],
      /17850 is not of the form name=value\n.*customerId/,
    ],
    [
      "a parameter of another type",
      ["query", MODEL, "lineBySeq", "seq=one", "--at", NOWHERE],
      /seq: "one" is not a whole number/,
    ],
    [
      "a day that is none",
      ["query", MODEL, "linesByDay", "day=2011-02-30", "--at", NOWHERE],
      /day: "2011-02-30" is not a day\n.*2010-12-01/,
    ],
    [
      "a parameter given twice",
      ["query", MODEL, "lineBySeq", "seq=1", "seq=2", "--at", NOWHERE],
      /the parameter seq is given twice/,
    ],
    ["a URL that is none", ["apply", MODEL, "--to", "localhost"], /--to: localhost is not a URL\n.*mongodb:\/\//],
    [
      "a URL of no engine",
      ["apply", MODEL, "--to", "mysql://localhost/shop"],
      /no engine has URLs that begin with mysql:\/\/\n.*mongodb:\/\//,
    ],
    [
      "a URL that the driver refuses",
      ["apply", MODEL, "--to", "mongodb://u:p%@h/shop"],
      /--to: This is not a usable MongoDB URL/,
    ],
    [
      "an engine that does not exist",
      ["dev", "--only", "mongo"],
      /there is no embedded engine mongo\n.*Did you mean mongodb\?/,
    ],
    ["an argument in place of an option", ["dev", "mongodb"], /dev takes no argument.*\n.*keyfold dev --only mongodb/],
    ["an open door without a lock", ["dev", "--host", "0.0.0.0"], /there is no password\n.*--auth user:password/],
    ["a lock without a key", ["dev", "--auth", "secret"], /--auth is not of the form user:password/],
    [
      "a delimiter of two characters",
      ["load", MODEL, "line", MODEL, "--to", NOWHERE, "--delimiter", "ab"],
      /--delimiter "ab" is not one character/,
    ],
  ] as [string, string[], RegExp][])("%s", async (_, args, message) => {
    expect(await told(args, 2)).toMatch(message);
  });
});

describe("ran and found something wrong: exit code 1", () => {
  test("the server is down", async () => {
    const text = await told(["query", MODEL, "lineBySeq", "seq=1", "--at", NOWHERE, "--json"], 1);
    expect(text).toMatch(/127\.0\.0\.1:9/);
    expect(text.trim().split("\n").length, text).toBeGreaterThan(1);
  });

  test("the credentials are wrong, and stay secret", async () => {
    const engine = await startMongodb({ auth: { user: "app", password: "right" } });
    try {
      const url = `mongodb://app:wr0ng-secret@127.0.0.1:${engine.port}/shop`;
      const text = await told(["apply", MODEL, "--to", url], 1);
      expect(text).toMatch(/credentials|authenticat/i);
      expect(text).not.toContain("wr0ng-secret");
    } finally {
      await engine.close();
    }
  });

  test("the design was not applied", async () => {
    expect(await told(["query", MODEL, "linesByCustomer", "customerId=1", "--at", host.database()], 1)).toMatch(
      /keyfold apply/,
    );
  });

  test("a model file with a mistake in it says where", async () => {
    const text = await told(["plan", file("broken.ts", "export default definModel({\n")], 1);
    expect(text).toMatch(/broken\.ts cannot be loaded/);
  });

  test("a model file that throws says where", async () => {
    const text = await told(["plan", file("throws.ts", 'import { z } from "zod";\n\nz.nothing();\n')], 1);
    expect(text).toMatch(/throws\.ts cannot be loaded/);
  });

  test("a file that exports no model", async () => {
    expect(await told(["plan", file("empty.ts", "export const a = 1;\n")], 1)).toMatch(
      /exports no model\n.*export default defineModel/,
    );
  });

  test("all mistakes of a model, each with its place and its fix", async () => {
    const model = `import { defineModel, entity, list } from "keyfold";
import { z } from "zod";
const line = entity("line", { schema: z.object({ seq: z.int(), name: z.string() }), key: ["sek"] as never });
export default defineModel({ entities: { line }, patterns: { byNam: list(line, { by: ["nam"] as never }) } });
`;
    const text = await told(["plan", file("wrong.ts", model)], 1);
    expect(text).toMatch(/sek/);
    expect(text).toMatch(/nam/);
    expect(text.match(/^ {2}- /gm)?.length).toBeGreaterThanOrEqual(2);
  });

  test("the port is taken", async () => {
    const engine = await startMongodb();
    try {
      const text = await told(["dev", "--only", "mongodb", "--mongodb-port", String(engine.port)], 1);
      expect(text).toMatch(/is taken by another program\n.*--any-port/);
    } finally {
      await engine.close();
    }
  });

  test("KEYFOLD_DEBUG shows where it came from", async () => {
    const ran = await keyfold(["plan", file("again.ts", "export const a = 1;\n")], { env: { KEYFOLD_DEBUG: "1" } });
    expect(ran.stderr).toMatch(STACK);
  });
});

describe("help", () => {
  test.each(["demo", "dev", "plan", "apply", "load", "query", "fold", "completion"])(
    "%s --help has examples",
    async (command) => {
      const ran = await keyfold([command, "--help"], { cwd: path });
      expect(ran.code).toBe(0);
      expect(ran.stderr).toBe("");
      expect(ran.stdout).toMatch(new RegExp(`Examples:\\n[\\s\\S]*keyfold ${command}`));
    },
  );

  test("--version", async () => {
    expect((await keyfold(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
