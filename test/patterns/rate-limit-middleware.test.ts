import { createServer, type Server } from "node:http";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  expressRateLimit,
  fastifyRateLimit,
  fixedWindow,
  honoRateLimit,
  type RateLimiter,
  rateLimit,
  slidingLog,
} from "../../src/patterns/rate-limit/index.js";
import { freshName, type OpenClient, openClient, startServer, type TestServer } from "./clients.js";

// The middleware in the real frameworks, asked over HTTP (Hono by its own request).

let server: TestServer;
let open: OpenClient;
beforeAll(async () => {
  server = await startServer();
  open = await openClient("ioredis 5", server.url);
});
afterAll(async () => {
  open.close();
  await server.close();
});

const limiterOf = (fail?: "closed") =>
  rateLimit(open.client, {
    prefix: freshName(),
    limit: [
      slidingLog({ name: "peak", limit: 2, windowMs: 10_000 }),
      fixedWindow({ name: "day", limit: 9, windowMs: 86_400_000 }),
    ],
    ...(fail === undefined ? {} : { fail }),
  });

const listening = (http: Server) =>
  new Promise<string>((done) => {
    http.listen(0, "127.0.0.1", () => done(`http://127.0.0.1:${(http.address() as { port: number }).port}`));
  });

/** Each framework with the limiter before a route that answers "hello"; asks with the caller's name in x-user. */
const frameworks: Record<
  string,
  (limiter: RateLimiter) => Promise<{ ask: (user?: string) => Promise<Response>; close: () => unknown }>
> = {
  async Express(limiter) {
    const app = express();
    app.use(expressRateLimit(limiter, { key: (request) => user(request.get("x-user")), legacy: true }));
    app.get("/", (_request, response) => void response.send("hello"));
    app.use(((error, _request, response, _next) => {
      response.status(500).send(error.code);
    }) as express.ErrorRequestHandler);
    const http = createServer(app);
    const url = await listening(http);
    return { ask: (name = "a") => fetch(url, { headers: { "x-user": name } }), close: () => http.close() };
  },
  async Fastify(limiter) {
    const app = fastify();
    app.addHook(
      "onRequest",
      fastifyRateLimit(limiter, {
        key: (request) => user(request.headers["x-user"] as string),
        legacy: true,
      }),
    );
    app.get("/", async () => "hello");
    app.setErrorHandler((error: { code?: string }, _request, reply) => void reply.code(500).send(error.code));
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    return { ask: (name = "a") => fetch(url, { headers: { "x-user": name } }), close: () => app.close() };
  },
  async Hono(limiter) {
    const app = new Hono();
    app.use(honoRateLimit(limiter, { key: (c) => user(c.req.header("x-user")), legacy: true }));
    app.get("/", (c) => c.text("hello"));
    app.onError((error, c) => c.text((error as { code?: string }).code ?? "", 500));
    return { ask: async (name = "a") => app.request("/", { headers: { "x-user": name } }), close: () => {} };
  },
};

/** A key that means nothing shows how an error of the limiter travels. */
const user = (name: string | undefined): string => (name === "none" ? (undefined as never) : name!);

describe.each(Object.keys(frameworks))("the rate limit in %s", (name) => {
  it("lets requests through with their fields, answers 429 over the limit, and hands errors on", async () => {
    const { ask, close } = await frameworks[name]!(limiterOf());
    try {
      const first = await ask();
      expect([first.status, await first.text()]).toEqual([200, "hello"]);
      expect(first.headers.get("ratelimit-policy")).toBe('"peak";q=2;w=10, "day";q=9;w=86400');
      expect(first.headers.get("ratelimit")).toBe('"peak";r=1;t=10, "day";r=8;t=86400');
      expect(first.headers.get("x-ratelimit-limit")).toBe("2");
      expect(first.headers.get("x-ratelimit-remaining")).toBe("1");
      expect(first.headers.get("retry-after")).toBeNull();
      await ask();
      const refused = await ask();
      expect([refused.status, await refused.text()]).toEqual([429, "Too many requests\n"]);
      expect(refused.headers.get("retry-after")).toBe("10");
      expect(refused.headers.get("ratelimit")).toMatch(/^"peak";r=0;t=10, "day";r=7;t=86400$/);
      expect((await ask("b")).status).toBe(200);
      const wrong = await ask("none");
      expect([wrong.status, await wrong.text()]).toEqual([500, "INPUT_INVALID"]);
    } finally {
      await close();
    }
  });
});
