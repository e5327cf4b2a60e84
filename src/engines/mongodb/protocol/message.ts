import type { FrameShape } from "../../net/frames.js";
import { Doc } from "../bson/doc.js";
import { int32At, nameAt, nameEnd } from "../bson/raw.js";
import { validateDoc } from "../bson/validate.js";
import { mongoError } from "../errors.js";
import { crc32c } from "./crc32c.js";

/**
 * Requests of MongoDB's wire protocol.
 * @see https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
 */
export const opReply = 1;
export const opQuery = 2004;
export const opMsg = 2013;

/** What hello announces and what is enforced. */
export const maxMessageBytes = 48_000_000;
export const maxDocumentBytes = 16 * 1024 * 1024;
/** A command's own document may be a little larger than a stored document. */
export const maxCommandBytes = maxDocumentBytes + 16 * 1024;
export const maxWriteBatch = 100_000;

const headBytes = 16;

/** The length of a frame is its first int32. */
export const messageFrames: FrameShape = {
  headBytes,
  length(bytes, at) {
    const length = int32At(bytes, at);
    if (length < headBytes || length > maxMessageBytes) {
      throw mongoError(17, `recv(): message msgLen ${length} is invalid. Min ${headBytes} Max: ${maxMessageBytes}`);
    }
    return length;
  },
};

/** A command as it came off the wire; nothing of it but its shape has been looked at. */
export interface Message {
  readonly requestId: number;
  /** How it came, and how it wants its answer. */
  readonly via: "msg" | "query";
  readonly body: Doc;
  /** Documents that came beside the body, by the name of the field that they stand for. */
  readonly sequences: ReadonlyMap<string, Doc[]> | undefined;
  /** The database that an OP_QUERY names; in OP_MSG it is the field `$db`. */
  readonly queryDb: string | undefined;
  /** The client does not read an answer. */
  readonly silent: boolean;
}

/** A frame that is no command: `reply` says whether the client is told why before the connection is closed. */
export class MalformedMessage extends Error {
  readonly requestId: number;
  readonly reason: unknown;
  readonly reply: boolean;

  constructor(requestId: number, reason: unknown, reply: boolean) {
    super(reason instanceof Error ? reason.message : String(reason));
    this.name = "MalformedMessage";
    this.requestId = requestId;
    this.reason = reason;
    this.reply = reply;
  }
}

const checksumPresent = 1;
const moreToCome = 2;
const requiredBits = 0xffff;

/** Decodes a whole frame. Throws {@link MalformedMessage} alone. */
export function decodeMessage(frame: Buffer): Message {
  const requestId = int32At(frame, 4);
  const opCode = int32At(frame, 12);
  if (opCode === opMsg) {
    try {
      return decodeMsg(frame, requestId);
    } catch (error) {
      throw new MalformedMessage(requestId, error, true);
    }
  }
  try {
    if (opCode === opQuery) return decodeQuery(frame, requestId);
  } catch (error) {
    throw new MalformedMessage(requestId, error, false);
  }
  // OP_COMPRESSED too: no compression was agreed on.
  throw new MalformedMessage(requestId, mongoError(5739101, `unsupported operation code ${opCode}`), false);
}

function decodeMsg(frame: Buffer, requestId: number): Message {
  if (frame.length < headBytes + 4 + 1) throw mongoError(17, "OP_MSG messages must have a body");
  const flags = int32At(frame, headBytes);
  const unknown = flags & requiredBits & ~(checksumPresent | moreToCome);
  if (unknown !== 0) {
    throw mongoError(40429, `Message contains illegal flags value: 0b${(flags >>> 0).toString(2)}`);
  }
  let end = frame.length;
  if ((flags & checksumPresent) !== 0) {
    end -= 4;
    if (end < headBytes + 5 || crc32c(frame, 0, end) !== int32At(frame, end) >>> 0) {
      throw mongoError(50675, "OP_MSG checksum does not match contents");
    }
  }
  let at = headBytes + 4;
  let body: Doc | undefined;
  let sequences: Map<string, Doc[]> | undefined;
  while (at < end) {
    const kind = frame[at]!;
    at++;
    if (end - at < 5) throw mongoError(40431, "OP_MSG section passes the end of its message");
    const length = int32At(frame, at);
    if (length < 5 || length > end - at) throw mongoError(40431, "OP_MSG section passes the end of its message");
    if (kind === 0) {
      if (body !== undefined) throw mongoError(40430, "Multiple body sections in message");
      if (length > maxCommandBytes) {
        throw mongoError(
          10334,
          `BSONObj size: ${length} (0x${length.toString(16).toUpperCase()}) is invalid. Size must be between 0 and ${maxCommandBytes}(16MB)`,
        );
      }
      validateDoc(frame, at, at + length);
      body = Doc.raw(frame, at);
    } else if (kind === 1) {
      const docs: Doc[] = [];
      const sectionEnd = at + length;
      const name = nameEnd(frame, at + 4);
      if (name >= sectionEnd) throw mongoError(17, "OP_MSG section has no name");
      const field = nameAt(frame, at + 4, name);
      let from = name + 1;
      while (from < sectionEnd) {
        const size = sectionEnd - from < 5 ? -1 : int32At(frame, from);
        if (size < 5 || size > sectionEnd - from) throw mongoError(22, "OP_MSG document passes the end of its section");
        validateDoc(frame, from, from + size);
        docs.push(Doc.raw(frame, from));
        from += size;
      }
      sequences ??= new Map();
      if (sequences.has(field)) throw mongoError(40431, `Duplicate document sequence: ${field}`);
      sequences.set(field, docs);
    } else throw mongoError(40432, `Unknown section kind ${kind}`);
    at += length;
  }
  if (body === undefined) throw mongoError(40587, "OP_MSG messages must have a body");
  if (sequences !== undefined) {
    for (const name of sequences.keys()) {
      if (body.has(name)) throw mongoError(40433, `Duplicate field between body and document sequence ${name}`);
    }
  }
  return { requestId, via: "msg", body, sequences, queryDb: undefined, silent: (flags & moreToCome) !== 0 };
}

function decodeQuery(frame: Buffer, requestId: number): Message {
  const nameStart = headBytes + 4;
  const name = frame.indexOf(0, nameStart);
  if (name < 0) throw mongoError(17, "OP_QUERY has no collection name");
  const namespace = frame.toString("utf8", nameStart, name);
  const at = name + 1 + 8;
  if (frame.length - at < 5) throw mongoError(17, "OP_QUERY has no query");
  const length = int32At(frame, at);
  if (length < 5 || length > frame.length - at) throw mongoError(17, "OP_QUERY query passes the end of its message");
  validateDoc(frame, at, at + length);
  let body = Doc.raw(frame, at);
  const wrapped = body.get("$query");
  if (wrapped instanceof Doc) body = wrapped;
  const dot = namespace.indexOf(".");
  const queryDb = dot < 0 ? namespace : namespace.slice(0, dot);
  return { requestId, via: "query", body, sequences: undefined, queryDb, silent: false };
}
