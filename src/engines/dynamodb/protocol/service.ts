import type { EngineClock, Intercept } from "../../engine.js";
import type { Connection } from "../../net/connection.js";
import type { HttpHandler, HttpRequest, InFlight } from "../../net/http.js";
import { pass } from "../../net/intercept.js";
import { isLoopback } from "../../net/server.js";
import type { Engine, Operation, Reply } from "../commands/operation.js";
import { findOperation } from "../commands/table.js";
import { DynamoError, serialization } from "../errors.js";
import { encodeError, encodeReply, type ReplyOptions } from "./reply.js";
import { checkRequest } from "./shapes.js";
import { type Credentials, parseSignature, verifySignature } from "./signature.js";

/** Prefixes of `x-amz-target`: of tables and items, and of streams. */
const services: ReadonlySet<string> = new Set(["DynamoDB_20120810", "DynamoDBStreams_20120810"]);
const contentTypes: ReadonlySet<string> = new Set(["application/json", "application/x-amz-json-1.0"]);
/** Bytes of a request's body. */
const largestBody = 16 * 1024 * 1024;

const phrases: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  413: "Content Too Large",
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
};

function plain(status: number, body: string, close = false): Buffer {
  const head =
    `HTTP/1.1 ${status} ${phrases[status]}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
    `${close ? "Connection: close\r\n" : ""}\r\n`;
  return Buffer.from(head + body);
}

export interface ServiceOptions {
  readonly engine: Engine;
  readonly credentials: Credentials | undefined;
  readonly intercept: Intercept | undefined;
  readonly clock: EngineClock;
  overloaded(bytes: number): boolean;
}

/** DynamoDB's JSON 1.0 protocol over HTTP, and that of its streams, on the same port. */
export class Service implements HttpHandler {
  readonly limits = { headBytes: 32 * 1024, bodyBytes: largestBody };
  readonly inFlight: InFlight = { bytes: 0 };
  readonly #options: ServiceOptions;
  #requests = 0;

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  overloaded(bytes: number): boolean {
    return this.#options.overloaded(bytes);
  }

  refuse(status: 400 | 413 | 431 | 501): Buffer {
    return plain(status, "", true);
  }

  /** Ids are of 52 letters and digits, as those of AWS. */
  #requestId(): string {
    this.#requests++;
    return this.#requests.toString(36).toUpperCase().padStart(52, "0");
  }

  handle(request: HttpRequest, connection: Connection): Buffer | undefined | Promise<Buffer | undefined> {
    const { headers, method } = request;
    // A page in a browser may reach this machine under another name; credentials keep it out where there are any.
    const host = headers.get("host")?.replace(/:\d+$/, "");
    if (this.#options.credentials === undefined && (host === undefined || !isLoopback(host))) {
      return plain(403, "", request.close);
    }
    if (method === "GET") {
      return request.target === "/"
        ? plain(200, `healthy: ${headers.get("host")} `, request.close)
        : plain(404, "", request.close);
    }
    const contentType = (headers.get("content-type") ?? "").replace(/;.*$/, "").trim();
    if (method !== "POST" || !contentTypes.has(contentType)) {
      return plain(404, "<UnknownOperationException/>\n", request.close);
    }
    const options: ReplyOptions = {
      contentType,
      requestId: this.#requestId(),
      gzip: /\bgzip\b/.test(headers.get("accept-encoding") ?? ""),
      close: request.close,
    };
    const fail = (error: unknown): Buffer => encodeError(toDynamoError(error), options);
    let run: (unprocessedShare?: number) => Reply | Promise<Reply>;
    let operation: Operation;
    let input: Record<string, unknown>;
    try {
      const [service = "", name = ""] = (headers.get("x-amz-target") ?? "").split(".");
      const found = services.has(service) ? findOperation(name) : undefined;
      if (found === undefined) throw new DynamoError("UnknownOperationException", "");
      operation = found;
      const signature = parseSignature(request);
      const { credentials, clock, engine } = this.#options;
      if (credentials !== undefined) verifySignature(request, signature, credentials, clock.now());
      input = parseBody(request.body);
      const { region } = signature;
      run = (unprocessedShare) => {
        if (operation.members !== undefined) checkRequest(operation.members, input);
        return operation.run!({ engine, input, region, unprocessedShare });
      };
    } catch (error) {
      return fail(error);
    }
    const execute = (unprocessedShare?: number): Buffer | Promise<Buffer> => {
      try {
        const reply = run(unprocessedShare);
        if (reply instanceof Promise) return reply.then((late) => encodeReply(late, options)).catch(fail);
        return encodeReply(reply, options);
      } catch (error) {
        return fail(error);
      }
    };
    const { intercept } = this.#options;
    if (intercept === undefined) return execute();
    return pass<Buffer>(
      intercept,
      connection,
      () => ({ engine: "dynamodb", command: operation.name, target: targetOf(input), connectionId: connection.id }),
      { run: execute, partly: execute, fail: ({ code, message }) => fail(new DynamoError(String(code), message)) },
    );
  }
}

function parseBody(body: Buffer): Record<string, unknown> {
  let input: unknown;
  try {
    input = JSON.parse(body.toString("utf8"));
  } catch {
    throw serialization("");
  }
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw serialization("Start of structure or map found where not expected");
  }
  return input as Record<string, unknown>;
}

/** The table that a request is about; the first one of a batch. */
function targetOf(input: Readonly<Record<string, unknown>>): string | undefined {
  const name = input["TableName"];
  if (typeof name === "string") return name;
  const batch = input["RequestItems"];
  if (typeof batch === "object" && batch !== null) return Object.keys(batch)[0];
  const items = input["TransactItems"];
  if (Array.isArray(items) && typeof items[0] === "object" && items[0] !== null) {
    const [action] = Object.values(items[0] as Record<string, { TableName?: unknown }>);
    if (typeof action?.TableName === "string") return action.TableName;
  }
  return undefined;
}

/** What went wrong inside the engine is told as DynamoDB's own fault, and does not end the process. */
function toDynamoError(error: unknown): DynamoError {
  if (error instanceof DynamoError) return error;
  if (process.env["KEYFOLD_DEBUG"] !== undefined) console.error(error);
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof RangeError && /call stack/i.test(text)) {
    return new DynamoError("ValidationException", "Nesting Levels have exceeded supported limits");
  }
  return new DynamoError("InternalServerError", `Unexpected error in the embedded engine: ${text}`);
}
