import { type HeaderOptions, rateLimitHeaders } from "./headers.js";
import type { RateLimiter, RateLimitResult } from "./rate-limit.js";

/** What a middleware needs to know of a request. */
export interface RateLimitMiddlewareOptions<Request> extends HeaderOptions {
  /** Whom the request is counted for. */
  readonly key: (request: Request) => string;
  /** What the request counts for. Default 1. */
  readonly cost?: (request: Request) => number;
}

const refusal = "Too many requests\n";

function ask<R>(limiter: RateLimiter, options: RateLimitMiddlewareOptions<R>, request: R): Promise<RateLimitResult> {
  return limiter.consume(options.key(request), { cost: options.cost?.(request) ?? 1 });
}

/** What is used of Express' response. */
export interface ExpressResponse {
  setHeader(name: string, value: string): unknown;
  statusCode: number;
  end(body?: string): unknown;
}

/**
 * Express middleware that answers 429 over the limit.
 *
 * @example
 * ```ts
 * app.use(expressRateLimit(limiter, { key: (request) => request.ip ?? "" }));
 * ```
 */
export function expressRateLimit<Request>(limiter: RateLimiter, options: RateLimitMiddlewareOptions<Request>) {
  return (request: Request, response: ExpressResponse, next: (error?: unknown) => void): void => {
    ask(limiter, options, request).then((result) => {
      for (const [name, value] of Object.entries(rateLimitHeaders(result, options))) response.setHeader(name, value);
      if (result.allowed) return next();
      response.statusCode = 429;
      response.end(refusal);
    }, next);
  };
}

/** What `key` can be made of in Fastify, where nothing else is said. */
export interface FastifyRequest {
  readonly ip: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What is used of Fastify's reply. */
export interface FastifyReply {
  headers(values: Record<string, string>): unknown;
  code(status: number): { send(body: string): unknown };
}

/**
 * Fastify `onRequest` hook that answers 429 over the limit.
 *
 * @example
 * ```ts
 * app.addHook("onRequest", fastifyRateLimit(limiter, { key: (request) => request.ip }));
 * ```
 */
export function fastifyRateLimit<Request = FastifyRequest>(
  limiter: RateLimiter,
  options: RateLimitMiddlewareOptions<Request>,
) {
  return async (request: Request, reply: FastifyReply): Promise<unknown> => {
    const result = await ask(limiter, options, request);
    reply.headers(rateLimitHeaders(result, options));
    if (result.allowed) return undefined;
    reply.code(429).send(refusal);
    return reply;
  };
}

/** What is used of Hono's context. */
export interface HonoContext {
  readonly req: { header(name: string): string | undefined };
  header(name: string, value: string): unknown;
  text(body: string, status: 429): Response;
}

/**
 * Hono middleware that answers 429 over the limit.
 *
 * @example
 * ```ts
 * app.use(honoRateLimit(limiter, { key: (c) => c.req.header("x-api-key") ?? "none" }));
 * ```
 */
export function honoRateLimit<Context extends HonoContext>(
  limiter: RateLimiter,
  options: RateLimitMiddlewareOptions<Context>,
) {
  return async (context: Context, next: () => Promise<void>): Promise<Response | undefined> => {
    const result = await ask(limiter, options, context);
    for (const [name, value] of Object.entries(rateLimitHeaders(result, options))) context.header(name, value);
    if (!result.allowed) return context.text(refusal, 429);
    await next();
    return undefined;
  };
}
