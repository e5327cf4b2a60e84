import type { ClaimedRun, Idempotency } from "./idempotency.js";

/** A response as it is kept and replayed. */
interface StoredResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Base64. */
  readonly body: string;
}

/** What the middleware needs to know of requests. */
export interface IdempotencyMiddlewareOptions<Request> {
  /** Whose key it is, for example the user: two callers' keys never meet. */
  readonly scope: (request: Request) => string;
  /** What must be the same when a key comes again. Default: method, path and body. */
  readonly fingerprint?: (request: Request) => unknown;
  /** A request without the header is refused. Default false: it is run. */
  readonly required?: boolean;
  /** Which responses are kept; others free the key. Default: all under 500. */
  readonly keep?: (status: number) => boolean;
}

type Refusal = readonly [status: number, body: string];
type Start =
  | { readonly kind: "pass" }
  | { readonly kind: "refuse"; readonly refusal: Refusal }
  | { readonly kind: "replay"; readonly response: StoredResponse }
  | { readonly kind: "run"; readonly run: ClaimedRun<StoredResponse> };

/** Statuses as the draft wants them: 400 without a key, 409 while it runs, 422 with another request. */
async function start<R>(
  store: Idempotency,
  options: IdempotencyMiddlewareOptions<R>,
  request: R,
  header: string | string[] | undefined,
  print: () => unknown,
): Promise<Start> {
  const key = Array.isArray(header) ? header[0] : header;
  if (key === undefined || key === "")
    return options.required === true
      ? { kind: "refuse", refusal: [400, "This request needs an Idempotency-Key.\n"] }
      : { kind: "pass" };
  const fingerprint = options.fingerprint === undefined ? print() : options.fingerprint(request);
  const claim = await store.claim<StoredResponse>(JSON.stringify([options.scope(request), key]), { fingerprint });
  if (claim.state === "run") return { kind: "run", run: claim.run };
  if (claim.state === "done") return { kind: "replay", response: claim.value };
  return claim.state === "mismatch"
    ? { kind: "refuse", refusal: [422, "This Idempotency-Key was used with another request.\n"] }
    : { kind: "refuse", refusal: [409, "A request with this Idempotency-Key is being run.\n"] };
}

const keepDefault = (status: number): boolean => status < 500;

/** Headers that belong to one transmission, not to the response. */
const transient = new Set(["connection", "date", "keep-alive", "transfer-encoding", "content-length"]);

function kept(headers: Iterable<readonly [string, unknown]>): StoredResponse["headers"] {
  const result: Record<string, string | string[]> = {};
  for (const [name, value] of headers)
    if (!transient.has(name.toLowerCase()) && value !== undefined)
      result[name] = Array.isArray(value) ? value.map(String) : String(value);
  return result;
}

/**
 * Ends a run with what was answered. It never fails: what could not be stored was still done, and its caller gets the
 * answer.
 */
async function settle(
  run: ClaimedRun<StoredResponse>,
  status: number,
  headers: Iterable<readonly [string, unknown]>,
  body: Buffer,
  keep = keepDefault,
): Promise<void> {
  const response = { status, headers: kept(headers), body: body.toString("base64") };
  await (keep(status) ? run.complete(response) : run.abandon()).catch(() => {});
}

/** What is used of Express' request. */
export interface ExpressIdempotencyRequest {
  readonly method: string;
  readonly originalUrl: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body?: unknown;
}

/** What is used of Express' response. */
export interface ExpressIdempotencyResponse {
  statusCode: number;
  readonly writableEnded: boolean;
  getHeaders(): Readonly<Record<string, unknown>>;
  setHeader(name: string, value: string | readonly string[]): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: Node overloads write and end; both are passed on as they came
  write(...args: any[]): boolean;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  end(...args: any[]): unknown;
  on(event: "close", listener: () => void): unknown;
}

/**
 * Express middleware for the Idempotency-Key header; after the body is parsed. The response reaches the caller only
 * when it has been stored.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 * @example
 * ```ts
 * app.post("/payments", express.json(), expressIdempotency(once, { scope: (request) => request.user.id }), pay);
 * ```
 */
export function expressIdempotency<Request extends ExpressIdempotencyRequest>(
  store: Idempotency,
  options: IdempotencyMiddlewareOptions<Request>,
) {
  return (request: Request, response: ExpressIdempotencyResponse, next: (error?: unknown) => void): void => {
    const key = request.headers["idempotency-key"];
    const print = () => [request.method, request.originalUrl, request.body];
    start(store, options, request, key, print).then((begun) => {
      switch (begun.kind) {
        case "pass":
          next();
          return;
        case "refuse":
          response.statusCode = begun.refusal[0];
          response.end(begun.refusal[1]);
          return;
        case "replay":
          response.statusCode = begun.response.status;
          for (const [name, value] of Object.entries(begun.response.headers)) response.setHeader(name, value);
          response.setHeader("Idempotency-Replayed", "true");
          response.end(Buffer.from(begun.response.body, "base64"));
          return;
        case "run":
          collect(response, begun.run, options.keep);
          next();
          return;
        default:
          begun satisfies never;
      }
    }, next);
  };
}

/** Holds the response back until it is whole and stored. */
function collect(
  response: ExpressIdempotencyResponse,
  run: ClaimedRun<StoredResponse>,
  keep: ((status: number) => boolean) | undefined,
): void {
  const chunks: Buffer[] = [];
  const add = (chunk: unknown, encoding: unknown) => {
    if (chunk === undefined || chunk === null || typeof chunk === "function") return;
    chunks.push(
      typeof chunk === "string"
        ? Buffer.from(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8")
        : Buffer.from(chunk as Uint8Array),
    );
  };
  const { end } = response;
  let ended = false;
  response.write = (chunk: unknown, encoding?: unknown, done?: unknown) => {
    add(chunk, encoding);
    for (const callback of [encoding, done]) if (typeof callback === "function") callback();
    return true;
  };
  response.end = (chunk?: unknown, encoding?: unknown, done?: unknown) => {
    if (ended) return response;
    ended = true;
    add(chunk, encoding);
    const body = Buffer.concat(chunks);
    const callback = [chunk, encoding, done].find((each) => typeof each === "function");
    settle(run, response.statusCode, Object.entries(response.getHeaders()), body, keep).then(() =>
      end.call(response, body, callback),
    );
    return response;
  };
  response.on("close", () => {
    if (!ended) run.abandon().catch(() => {});
  });
}

/** What is used of Hono's context. */
export interface HonoIdempotencyContext {
  readonly req: {
    readonly method: string;
    readonly url: string;
    header(name: string): string | undefined;
    text(): Promise<string>;
  };
  res: Response;
}

/**
 * Hono middleware for the Idempotency-Key header.
 *
 * @example
 * ```ts
 * app.post("/payments", honoIdempotency(once, { scope: (c) => c.get("user") }), pay);
 * ```
 */
export function honoIdempotency<Context extends HonoIdempotencyContext>(
  store: Idempotency,
  options: IdempotencyMiddlewareOptions<Context>,
) {
  return async (context: Context, next: () => Promise<void>): Promise<Response | undefined> => {
    const key = context.req.header("idempotency-key");
    const text = key === undefined || options.fingerprint !== undefined ? "" : await context.req.text();
    const print = () => [context.req.method, context.req.url, text];
    const begun = await start(store, options, context, key, print);
    switch (begun.kind) {
      case "pass":
        await next();
        return undefined;
      case "refuse":
        return new Response(begun.refusal[1], { status: begun.refusal[0] });
      case "replay": {
        const { status, headers, body } = begun.response;
        const replayed = new Headers([["Idempotency-Replayed", "true"]]);
        for (const [name, value] of Object.entries(headers))
          for (const each of typeof value === "string" ? [value] : value) replayed.append(name, each);
        return new Response(Buffer.from(body, "base64"), { status, headers: replayed });
      }
      case "run": {
        try {
          await next();
        } catch (error) {
          await begun.run.abandon().catch(() => {});
          throw error;
        }
        const { status, headers } = context.res;
        const body = Buffer.from(await context.res.clone().arrayBuffer());
        await settle(begun.run, status, headers, body, options.keep);
        return undefined;
      }
      default:
        return begun satisfies never;
    }
  };
}

/** What is used of Fastify's request. */
export interface FastifyIdempotencyRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body?: unknown;
}

/** What is used of Fastify's reply. */
export interface FastifyIdempotencyReply {
  readonly statusCode: number;
  getHeaders(): Readonly<Record<string, unknown>>;
  headers(values: Record<string, unknown>): unknown;
  code(status: number): { send(body: string | Buffer): unknown };
}

/**
 * The two Fastify hooks for the Idempotency-Key header.
 *
 * @example
 * ```ts
 * const { preHandler, onSend } = fastifyIdempotency(once, { scope: (request) => request.user.id });
 * app.post("/payments", { preHandler, onSend }, pay);
 * ```
 */
export function fastifyIdempotency<Request extends FastifyIdempotencyRequest>(
  store: Idempotency,
  options: IdempotencyMiddlewareOptions<Request>,
) {
  const runs = new WeakMap<object, ClaimedRun<StoredResponse>>();
  return {
    async preHandler(request: Request, reply: FastifyIdempotencyReply): Promise<unknown> {
      const key = request.headers["idempotency-key"];
      const print = () => [request.method, request.url, request.body];
      const begun = await start(store, options, request, key, print);
      switch (begun.kind) {
        case "pass":
          return undefined;
        case "run":
          runs.set(request, begun.run);
          return undefined;
        case "refuse":
          reply.code(begun.refusal[0]).send(begun.refusal[1]);
          return reply;
        case "replay":
          reply.headers({ ...begun.response.headers, "Idempotency-Replayed": "true" });
          reply.code(begun.response.status).send(Buffer.from(begun.response.body, "base64"));
          return reply;
        default:
          return begun satisfies never;
      }
    },
    async onSend(request: Request, reply: FastifyIdempotencyReply, payload: unknown): Promise<unknown> {
      const run = runs.get(request);
      if (run === undefined) return payload;
      runs.delete(request);
      if (payload !== null && payload !== undefined && typeof payload !== "string" && !Buffer.isBuffer(payload)) {
        await run.abandon().catch(() => {}); // a stream is not kept
        return payload;
      }
      await settle(run, reply.statusCode, Object.entries(reply.getHeaders()), Buffer.from(payload ?? ""), options.keep);
      return payload;
    },
  };
}
