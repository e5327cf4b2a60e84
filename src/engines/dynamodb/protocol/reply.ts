import { crc32, gzipSync } from "node:zlib";
import { RawJson } from "../data/item-codec.js";
import type { DynamoError } from "../errors.js";

/** Objects of a reply in which items may stand as raw JSON are walked so deep; what is deeper is plain. */
const rawDepth = 4;

function collect(value: unknown, depth: number, out: (string | Buffer)[]): void {
  if (value instanceof RawJson) {
    out.push(value.bytes);
    return;
  }
  if (depth === 0 || typeof value !== "object" || value === null) {
    out.push(JSON.stringify(value));
    return;
  }
  if (Array.isArray(value)) {
    let separator = "[";
    for (const each of value) {
      out.push(separator);
      collect(each, depth - 1, out);
      separator = ",";
    }
    out.push(separator === "[" ? "[]" : "]");
    return;
  }
  let separator = "{";
  for (const name of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[name];
    if (member === undefined) continue;
    out.push(`${separator}${JSON.stringify(name)}:`);
    collect(member, depth - 1, out);
    separator = ",";
  }
  out.push(separator === "{" ? "{}" : "}");
}

let scratch: Buffer = Buffer.allocUnsafeSlow(256 * 1024);

/** The JSON of a reply's members. Valid until the next call. */
function encode(reply: object): Buffer {
  const parts: (string | Buffer)[] = [];
  collect(reply, rawDepth, parts);
  let most = 0;
  for (const part of parts) most += typeof part === "string" ? part.length * 3 : part.length;
  if (most > scratch.length) scratch = Buffer.allocUnsafeSlow(most * 2);
  let at = 0;
  for (const part of parts) {
    if (typeof part === "string") at += scratch.write(part, at);
    else {
      scratch.set(part, at);
      at += part.length;
    }
  }
  return scratch.subarray(0, at);
}

const nothing: Buffer = Buffer.alloc(0);
/** Replies below this many bytes are not worth compressing. */
const smallestCompressed = 1024;

/** How a reply is to be sent. */
export interface ReplyOptions {
  readonly contentType: string;
  readonly requestId: string;
  readonly gzip: boolean;
  readonly close: boolean;
}

function frame(status: number, json: Buffer, options: ReplyOptions): Buffer {
  const gzip = options.gzip && json.length >= smallestCompressed;
  const body = gzip ? gzipSync(json, { level: 1 }) : json;
  const head =
    `HTTP/1.1 ${status === 200 ? "200 OK" : status === 400 ? "400 Bad Request" : "500 Internal Server Error"}\r\n` +
    `Content-Type: ${options.contentType}\r\n${gzip ? "Content-Encoding: gzip\r\n" : ""}` +
    // The sum is of the bytes on the wire, so that a client can check them before it unpacks them.
    `x-amz-crc32: ${crc32(body)}\r\nx-amzn-RequestId: ${options.requestId}\r\n` +
    `Content-Length: ${body.length}\r\n${options.close ? "Connection: close\r\n" : ""}\r\n`;
  const out = Buffer.allocUnsafe(head.length + body.length);
  out.latin1Write(head, 0);
  out.set(body, head.length);
  return out;
}

/** The bytes of an operation's reply. */
export function encodeReply(reply: object | undefined, options: ReplyOptions): Buffer {
  return frame(200, reply === undefined ? nothing : encode(reply), options);
}

/** The bytes of an error. */
export function encodeError(error: DynamoError, options: ReplyOptions): Buffer {
  const message = error.type.includes("SerializationException") ? "Message" : "message";
  // The SDKs read the message under either name; cancelled transactions are told under this one.
  const name = error.name === "TransactionCanceledException" ? "Message" : message;
  const body = { __type: error.type, [name]: error.message, ...error.members };
  return frame(error.status, encode(body), options);
}
