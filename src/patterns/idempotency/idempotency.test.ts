import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { drivers, freshName, openClient, singleServer, sleep, suiteOn } from "../../../test/patterns/clients.js";
import { millisecondsOf } from "../../../test/patterns/times.js";
import { expressIdempotency, fastifyIdempotency, honoIdempotency, idempotency } from "./index.js";

describe.each(drivers)("idempotency over %s", (driver) => {
  const on = suiteOn(driver);

  it("runs once per key and replays the result", async () => {
    const prefix = freshName();
    const [here, there] = [idempotency(on.client, { prefix }), idempotency(on.client, { prefix })];
    let runs = 0;
    const work = async () => ({ paid: ++runs });
    expect(await here.run("k", work, { fingerprint: { a: 1 } })).toEqual({ value: { paid: 1 }, replayed: false });
    expect(await there.run("k", work, { fingerprint: { a: 1 } })).toEqual({ value: { paid: 1 }, replayed: true });
    await expect(here.run("k", work, { fingerprint: { a: 2 } })).rejects.toMatchObject({
      code: "CONFLICT",
      data: { reason: "fingerprint" },
    });
    expect(await here.run("nothing", async () => undefined)).toEqual({ value: undefined, replayed: false });
    expect(await here.run("nothing", work as never)).toEqual({ value: undefined, replayed: true });
    await here.forget("k");
    expect((await here.run("k", work)).value).toEqual({ paid: 2 });
  });

  it("lets one of many callers run; others are refused, or wait", async () => {
    const once = idempotency(on.client, { prefix: freshName() });
    let runs = 0;
    const work = async () => {
      await sleep(60);
      return ++runs;
    };
    const refused = await Promise.allSettled(Array.from({ length: 10 }, () => once.run("a", work)));
    expect(refused.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const waited = await Promise.all(Array.from({ length: 10 }, () => once.run("b", work, { waitMs: 2_000 })));
    expect(waited.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(waited.map(({ value }) => value))).toEqual(new Set([2]));
    expect(runs).toBe(2);
  });

  it("frees the key when the work throws or its process dies, and says so to the next", async () => {
    const prefix = freshName();
    const once = idempotency(on.client, { prefix, leaseMs: 200 });
    await expect(once.run("a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await once.run("a", async ({ attempt }) => attempt)).toMatchObject({ value: 1 });
    // A process that stops: nobody renews what it has claimed.
    const stopped = await openClient(driver, on.proxy.url);
    await idempotency(stopped.client, { prefix, leaseMs: 200 }).claim("b");
    stopped.close();
    await expect(once.run("b", async () => 1)).rejects.toMatchObject({ data: { reason: "in-progress" } });
    expect(await once.run("b", async ({ attempt }) => attempt, { waitMs: 2_000 })).toMatchObject({ value: 2 });
  });

  it("keeps the key while the work runs longer than a lease", async () => {
    const once = idempotency(on.client, { prefix: freshName(), leaseMs: 150 });
    const running = once.run("a", () => sleep(500).then(() => "slow"));
    await sleep(300);
    await expect(once.run("a", async () => "fast")).rejects.toMatchObject({ data: { reason: "in-progress" } });
    expect(await running).toEqual({ value: "slow", replayed: false });
  });

  it.runIf(singleServer)("runs nothing while Redis does not answer", async () => {
    const once = idempotency(on.client, { prefix: freshName(), deadlineMs: 150 });
    on.proxy.setRule(() => ({ kind: "black-hole" }));
    let ran = false;
    const ms = await millisecondsOf(() =>
      expect(once.run("a", async () => (ran = true))).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" }),
    );
    expect(ms).toBeLessThan(200);
    expect(ran).toBe(false);
    on.proxy.setRule(undefined);
    on.proxy.cutAll();
    await expect
      .poll(
        () =>
          once
            .run("c", async () => 1)
            .then(
              ({ value }) => value,
              () => 0,
            ),
        { timeout: 3_000 },
      )
      .toBe(1);
  });
});

describe("the Idempotency-Key header", () => {
  const on = suiteOn("ioredis 6");

  it("is obeyed in Express (on Node's own response)", async () => {
    const middleware = expressIdempotency(idempotency(on.client, { prefix: freshName() }), {
      scope: () => "u",
      required: true,
    });
    let runs = 0;
    const web = createServer((request, response) => {
      const express = Object.assign(request, { originalUrl: request.url, method: request.method });
      middleware(express as never, response, () => {
        runs++;
        setTimeout(() => {
          response.statusCode = request.url === "/fails" ? 503 : 201;
          response.setHeader("x-run", String(runs));
          response.write("he");
          response.end("llo ✓");
        }, 400);
      });
    });
    await new Promise<void>((done) => web.listen(0, "127.0.0.1", done));
    const base = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
    const post = async (path: string, key?: string) => {
      const response = await fetch(base + path, {
        method: "POST",
        headers: key === undefined ? {} : { "idempotency-key": key },
      });
      return [
        response.status,
        await response.text(),
        response.headers.get("x-run"),
        response.headers.get("idempotency-replayed"),
      ];
    };
    expect((await post("/"))[0]).toBe(400);
    const [first, second] = await Promise.all([post("/", "a"), sleep(100).then(() => post("/", "a"))]);
    expect(first).toEqual([201, "hello ✓", "1", null]);
    expect(second?.[0]).toBe(409);
    expect(await post("/", "a")).toEqual([201, "hello ✓", "1", "true"]);
    expect((await post("/other", "a"))[0]).toBe(422);
    expect((await post("/fails", "b"))[0]).toBe(503);
    expect((await post("/fails", "b"))[2]).toBe("3");
    expect(runs).toBe(3);
    web.close();
  });

  it("is obeyed in Hono and Fastify", async () => {
    const hono = honoIdempotency(idempotency(on.client, { prefix: freshName() }), { scope: () => "u" });
    let runs = 0;
    const ask = async (key: string | undefined, body: string) => {
      const context = {
        req: { method: "POST", url: "http://a/", header: () => key, text: async () => body },
        res: new Response(),
      };
      const answer = await hono(context, async () => {
        context.res = new Response(`run ${++runs}`, { status: 201, headers: { "x-a": "b" } });
      });
      const response = answer ?? context.res;
      return [response.status, await response.text(), response.headers.get("x-a")];
    };
    expect(await ask("k", "1")).toEqual([201, "run 1", "b"]);
    expect(await ask("k", "1")).toEqual([201, "run 1", "b"]);
    expect((await ask("k", "2"))[0]).toBe(422);
    expect(await ask(undefined, "1")).toEqual([201, "run 2", "b"]);

    const { preHandler, onSend } = fastifyIdempotency(idempotency(on.client, { prefix: freshName() }), {
      scope: () => "u",
    });
    const call = async () => {
      const request = { method: "POST", url: "/", headers: { "idempotency-key": "k" }, body: { a: 1 } };
      const sent: unknown[] = [];
      const reply = {
        statusCode: 200,
        getHeaders: () => ({ "content-type": "text/plain" }),
        headers: () => {},
        code: (status: number) => ({ send: (body: string | Buffer) => sent.push(status, String(body)) }),
      };
      if ((await preHandler(request, reply)) === reply) return sent;
      return [reply.statusCode, await onSend(request, reply, `run ${++runs}`)];
    };
    expect(await call()).toEqual([200, "run 3"]);
    expect(await call()).toEqual([200, "run 3"]);
  });
});
