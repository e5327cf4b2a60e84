import { formatDouble } from "../data/numbers.js";
import {
  Double,
  ErrorReply,
  Push,
  Raw,
  type Reply,
  ReplyMap,
  ReplySequence,
  ReplySet,
  Status,
  Verbatim,
} from "./reply.js";

/*
 * Replies are built as strings of bytes (latin1): concatenation costs a pointer each, and the socket writes the whole
 * reply of a chunk of requests in one go. https://redis.io/docs/latest/develop/reference/protocol-spec/
 */

const bulkHeads: string[] = Array.from({ length: 1024 }, (_, n) => `$${n}\r\n`);
const arrayHeads: string[] = Array.from({ length: 256 }, (_, n) => `*${n}\r\n`);
const integers: string[] = Array.from({ length: 1024 }, (_, n) => `:${n}\r\n`);

/** `$n` and its line end. */
function bulkHead(length: number): string {
  return length < 1024 ? bulkHeads[length]! : `$${length}\r\n`;
}

export function encodeBulk(text: string): string {
  return `${bulkHead(text.length) + text}\r\n`;
}

export function encodeArrayHead(length: number): string {
  return length < 256 ? arrayHeads[length]! : `*${length}\r\n`;
}

/** Errors and statuses are one line: whatever would end it becomes a space. */
function line(text: string): string {
  return text.includes("\n") || text.includes("\r") ? text.replace(/[\r\n]/g, " ") : text;
}

function encodeItems(head: string, items: readonly Reply[], resp: number): string {
  let out = head;
  for (let i = 0; i < items.length; i++) {
    const item = items[i]!;
    out += typeof item === "string" ? `${bulkHead(item.length) + item}\r\n` : encode(item, resp);
  }
  return out;
}

/** The bytes of a reply for a client that speaks this version of the protocol (2 or 3). */
export function encode(reply: Reply, resp: number): string {
  if (typeof reply === "string") return `${bulkHead(reply.length) + reply}\r\n`;
  if (typeof reply === "number") return reply >= 0 && reply < 1024 ? integers[reply]! : `:${reply}\r\n`;
  if (reply === null) return resp === 2 ? "$-1\r\n" : "_\r\n";
  if (reply instanceof Status) return reply.text === "OK" ? "+OK\r\n" : `+${line(reply.text)}\r\n`;
  if (Array.isArray(reply)) return encodeItems(encodeArrayHead(reply.length), reply, resp);
  if (reply instanceof ErrorReply) return `-${line(reply.text)}\r\n`;
  if (reply instanceof Raw) return resp === 2 ? reply.resp2 : reply.resp3;
  if (reply instanceof Double) {
    const text = reply.text ?? formatDouble(reply.value);
    return resp === 2 ? encodeBulk(text) : `,${text}\r\n`;
  }
  if (reply instanceof ReplyMap) {
    const { flat } = reply;
    return encodeItems(resp === 2 ? encodeArrayHead(flat.length) : `%${flat.length >> 1}\r\n`, flat, resp);
  }
  if (reply instanceof ReplySet) {
    return encodeItems(`${resp === 2 ? "*" : "~"}${reply.items.length}\r\n`, reply.items, resp);
  }
  if (reply instanceof Push)
    return encodeItems(`${resp === 2 ? "*" : ">"}${reply.items.length}\r\n`, reply.items, resp);
  if (reply instanceof Verbatim) {
    if (resp === 2) return encodeBulk(reply.text);
    return `=${reply.text.length + 4}\r\n${reply.format}:${reply.text}\r\n`;
  }
  if (typeof reply === "bigint") return `:${reply}\r\n`;
  if (typeof reply === "boolean") return resp === 2 ? `:${reply ? 1 : 0}\r\n` : `#${reply ? "t" : "f"}\r\n`;
  if (reply instanceof ReplySequence) return encodeItems("", reply.items, resp);
  throw new TypeError("not a reply");
}
