import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import type { EngineOptions, RunningEngine } from "../engines/engine.js";
import { type Channel, RemoteControl, serveControl } from "./control.js";
import { EngineHost } from "./host.js";
import { testEngines } from "./test-engines.js";

/** An engine that only remembers what was done to it. */
function recorder() {
  const log: string[] = [];
  let given: EngineOptions = {};
  const mongodb = async (options: EngineOptions): Promise<RunningEngine> => {
    given = options;
    log.push("start");
    return {
      engine: "mongodb",
      url: "mongodb://127.0.0.1:1",
      port: 1,
      reset: async () => void log.push("reset"),
      close: async () => void log.push("close"),
      expire: async () => void log.push(`expire at ${given.clock?.now()}`),
    } as RunningEngine;
  };
  return { starters: { mongodb, redis: mongodb, dynamodb: mongodb, cassandra: mongodb }, log, options: () => given };
}

/** Two ends of a channel that carries JSON, as a socket does. */
function pair(): [Channel, Channel, () => void] {
  const streams = [new PassThrough({ objectMode: true }), new PassThrough({ objectMode: true })] as const;
  const end = (read: PassThrough, write: PassThrough): Channel => ({
    send: (message) => void write.write(JSON.stringify(message)),
    onMessage: (listener) => void read.on("data", (text: string) => listener(JSON.parse(text))),
    onClose: (listener) => void read.on("close", listener),
    keepAlive: () => {},
  });
  const cut = () => {
    for (const stream of streams) stream.destroy();
  };
  return [end(streams[0], streams[1]), end(streams[1], streams[0]), cut];
}

describe.each(["in this process", "behind a channel"])("engines %s", (where) => {
  async function start(options: Parameters<typeof EngineHost.start>[0] = { mongodb: true }) {
    const engine = recorder();
    const host = await EngineHost.start(options, engine.starters);
    if (where === "in this process") return { ...engine, engines: testEngines<"mongodb">(host) };
    const [ours, theirs] = pair();
    serveControl(host, theirs);
    return { ...engine, engines: testEngines<"mongodb">(new RemoteControl(ours, host.engines)) };
  }

  it("are known by URL", async () => {
    const { engines } = await start();
    expect(engines.mongodb.url).toBe("mongodb://127.0.0.1:1");
    expect(engines.urls).toEqual({ mongodb: "mongodb://127.0.0.1:1" });
  });

  it("live by the test's clock", async () => {
    const { engines, options } = await start({ mongodb: true, nowMs: 1_000 });
    await engines.clock.freeze();
    await engines.clock.set(new Date(5_000));
    await engines.clock.advance(60_000);
    expect(options().clock?.now()).toBe(65_000);
    expect(await engines.clock.now()).toEqual(new Date(65_000));
    await engines.clock.resume();
    await engines.reset();
    expect(options().clock?.now()).toBeGreaterThanOrEqual(1_000);
    expect(options().clock?.now()).toBeLessThan(6_000);
  });

  it("let go of what expired before the clock's move is done", async () => {
    const { engines, log } = await start({ mongodb: true });
    await engines.clock.freeze();
    await engines.clock.set(1_000);
    await engines.clock.advance(500);
    expect(log).toEqual(["start", "expire at 1000", "expire at 1500"]);
  });

  it("suffer the faults that are injected, until reset", async () => {
    const { engines, options, log } = await start();
    const insert = { engine: "mongodb", command: "insert", target: "shop.line", connectionId: 1 };
    const fault = { kind: "error", code: 91, message: "shutting down" } as const;
    const injected = await engines.faults.inject({ command: "insert", fault, times: 2 });
    expect(options().intercept?.(insert)).toEqual(fault);
    expect(await injected.hits()).toBe(1);
    await engines.reset();
    expect(options().intercept?.(insert)).toBeUndefined();
    expect(log).toEqual(["start", "reset"]);
  });

  it("say what is wrong with a fault", async () => {
    const { engines } = await start();
    await expect(engines.faults.inject({ fault: { kind: "close-after" }, times: -1 })).rejects.toMatchObject({
      code: "INPUT_INVALID",
      message: expect.stringContaining("times is a whole number"),
    });
  });

  it("close once, at the end of their scope", async () => {
    const { engines, log } = await start();
    {
      await using scope = engines;
      expect(scope.mongodb.port).toBe(1);
    }
    await engines.close();
    expect(log).toEqual(["start", "close"]);
  });
});

it("draws the same random numbers for the same seed", async () => {
  const draw = async (seed: number) => {
    const engine = recorder();
    await EngineHost.start({ mongodb: true, seed }, engine.starters);
    return [1, 2, 3].map(() => engine.options().random?.());
  };
  expect(await draw(3)).toEqual(await draw(3));
  expect(await draw(3)).not.toEqual(await draw(4));
});

it("starts nothing when no engine is named", async () => {
  await expect(EngineHost.start({ mongodb: false })).rejects.toMatchObject({ code: "INPUT_INVALID" });
});

it("fails what is pending when the engines' process goes", async () => {
  const [ours, , cut] = pair();
  const remote = new RemoteControl(ours, []);
  const pending = remote.call("now");
  cut();
  await expect(pending).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await expect(remote.call("reset")).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await expect(remote.call("close")).resolves.toBeUndefined();
});
