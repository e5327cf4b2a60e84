import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { describe, expect, test, vi } from "vitest";
import { RespClient } from "../redis/resp-client.js";
import { folder, keyfold, start } from "./keyfold.js";

// Each test starts several processes, perhaps on a machine that is busy with others.
vi.setConfig({ testTimeout: 90_000 });

const { path } = folder();

async function answers(url: string): Promise<unknown> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 2_000 });
  try {
    return (await client.db("admin").command({ ping: 1 }))["ok"];
  } finally {
    await client.close();
  }
}

describe("dev", () => {
  test("--json prints one line when the engines answer, and ends at SIGTERM", async () => {
    const running = start(["dev", "--only", "mongodb", "--any-port", "--json"]);
    const urls = JSON.parse(await running.line()) as { mongodb: string };
    expect(Object.keys(urls)).toEqual(["mongodb"]);
    expect(await answers(urls.mongodb)).toBe(1);
    running.child.kill("SIGTERM");
    const ended = await running.ended;
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(ended.stdout.trimEnd().split("\n")).toHaveLength(1);
    await expect(answers(urls.mongodb)).rejects.toThrow();
  });

  test("--env prints variables; the text for people hides the password", async () => {
    const running = start(["dev", "--only", "mongodb", "--any-port", "--env", "--auth", "app:s3cret"]);
    const line = await running.line();
    running.child.kill("SIGINT");
    await running.ended;
    expect(line).toMatch(/^export MONGODB_URL='mongodb:\/\/app:s3cret@127\.0\.0\.1:\d+/);
    const people = start(["dev", "--only", "mongodb", "--any-port", "--auth", "app:s3cret"]);
    expect(await people.line()).toMatch(/mongodb:\/\/app:\*\*\*@127/);
    people.child.kill("SIGINT");
    expect((await people.ended).code).toBe(0);
  });

  test("--data keeps the data", async () => {
    for (const found of [0, 1]) {
      const running = start(["dev", "--only", "mongodb", "--any-port", "--json", "--data", "kept"], { cwd: path });
      const { mongodb } = JSON.parse(await running.line()) as { mongodb: string };
      const client = new MongoClient(mongodb);
      const things = client.db("shop").collection("things");
      expect(await things.countDocuments()).toBe(found);
      await things.insertOne({ a: 1 });
      await client.close();
      running.child.kill("SIGTERM");
      await running.ended;
    }
  });

  test("--data keeps Redis' data, and says when the end of it was torn", async () => {
    const said: string[] = [];
    for (const round of [1, 2]) {
      const running = start(["dev", "--only", "redis", "--any-port", "--json", "--data", "kept-redis"], { cwd: path });
      const { redis } = JSON.parse(await running.line()) as { redis: string };
      const client = await RespClient.open(Number(new URL(redis).port));
      expect(await client.send("INCR", "starts")).toBe(`:${round}`);
      client.close();
      // A kill, not an end: what was answered is kept, and what was half written is not.
      running.child.kill("SIGKILL");
      said.push((await running.ended).stderr);
      appendFileSync(join(path, "kept-redis/redis/appendonlydir/appendonly.aof.1.incr.aof"), "*3\r\n$3\r\nSE");
    }
    expect(said[0]).toBe("");
    expect(said[1]).toMatch(/^redis: The end of \S+ was torn: it was cut after byte \d+/);
  });

  test("-- COMMAND has the URLs in its environment, keeps its arguments, and its exit code is passed on", async () => {
    const script =
      "console.log(JSON.stringify([process.env.MONGODB_URL, process.env.MONGODB_URI, process.argv.slice(1)])); process.exit(7)";
    const ran = await keyfold([
      "dev",
      "--only",
      "mongodb",
      "--",
      process.execPath,
      "-e",
      script,
      "--",
      "--json",
      "a b",
    ]);
    expect(ran.code, ran.stderr).toBe(7);
    const [url, uri, args] = JSON.parse(ran.stdout) as [string, string, string[]];
    expect(url).toMatch(/^mongodb:\/\/127\.0\.0\.1:\d+/);
    expect(uri).toBe(url);
    expect(args).toEqual(["--json", "a b"]);
  });

  test("a signal goes to the command, and it decides", async () => {
    const script = "process.on('SIGTERM', () => process.exit(9)); setInterval(() => {}, 1000); console.log('up')";
    const running = start(["dev", "--only", "mongodb", "--", process.execPath, "-e", script]);
    await running.line();
    running.child.kill("SIGTERM");
    expect((await running.ended).code).toBe(9);
  });

  test("a command that a signal ends, ends dev by that signal", async () => {
    const running = start([
      "dev",
      "--only",
      "mongodb",
      "--",
      process.execPath,
      "-e",
      "setInterval(() => {}, 1000); console.log('up')",
    ]);
    await running.line();
    running.child.kill("SIGTERM");
    expect((await running.ended).signal).toBe("SIGTERM");
  });

  test("a command that does not exist is told, as a shell tells it", async () => {
    const ran = await keyfold(["dev", "--only", "mongodb", "--", "no-such-command"]);
    expect(ran).toMatchObject({ code: 127, stderr: "keyfold: there is no command no-such-command\n" });
  });
});
