import { BsonWriter, type Doc, indexName } from "../bson/doc.js";
import { MongoError } from "../errors.js";
import { maxDocumentBytes, opMsg, opReply } from "./message.js";

/** A batch of documents of a cursor; the documents are copied as they are stored. */
export interface CursorReply {
  readonly kind: "cursor";
  readonly ns: string;
  /** 0n when nothing is left. */
  readonly id: bigint;
  readonly batch: readonly Doc[];
  readonly first: boolean;
}

/** What a command answers: a document without `ok`, a batch, or the whole reply's fields. The codec adds the rest. */
export type Reply = Doc | CursorReply;

const headBytes = 16;

/** The element `id: 0`, an int64. */
const noCursor = Buffer.from("\x12id\0\0\0\0\0\0\0\0\0", "latin1");
/** The element `ok: 1`, a double, which ends all good replies. */
const okOne = Buffer.from("\x01ok\0\0\0\0\0\0\0\xf0\x3f", "latin1");

/** Writes replies into a buffer that is used again; what it hands out is a copy that nobody changes. */
export class ReplyWriter {
  readonly #writer = new BsonWriter(64 * 1024);
  #requestId = 1;

  /** A reply of a command that went well. `tail` is written behind `ok`, such as the cluster's time. */
  ok(responseTo: number, via: "msg" | "query", reply: Reply, tail: Buffer): Buffer {
    const at = this.#open(responseTo, via);
    const writer = this.#writer;
    const doc = writer.open();
    if ("kind" in reply) {
      const cursor = writer.openDocument("cursor");
      const batch = writer.openArray(reply.first ? "firstBatch" : "nextBatch");
      const documents = reply.batch;
      for (let i = 0; i < documents.length; i++) {
        writer.writeHead(3, indexName(i));
        writer.writeDoc(documents[i]!);
      }
      writer.close(batch);
      if (reply.id === 0n) this.#raw(noCursor);
      else writer.writeElement("id", reply.id);
      writer.writeElement("ns", reply.ns);
      writer.close(cursor);
    } else for (const [name, value] of reply) writer.writeElement(name, value);
    this.#raw(okOne);
    this.#raw(tail);
    writer.close(doc);
    if (writer.length - doc > maxDocumentBytes + 16 * 1024) {
      const size = writer.length - doc;
      writer.reset();
      return this.fail(
        responseTo,
        via,
        new MongoError(
          10334,
          "BSONObjectTooLarge",
          `BSONObj size: ${size} (0x${size.toString(16).toUpperCase()}) is invalid. Size must be between 0 and 16793600(16MB)`,
        ),
        tail,
      );
    }
    return this.#close(at);
  }

  /** A reply of a command that failed. */
  fail(responseTo: number, via: "msg" | "query", error: MongoError, tail: Buffer): Buffer {
    const at = this.#open(responseTo, via);
    const writer = this.#writer;
    const doc = writer.open();
    writer.writeElement("ok", 0);
    writer.writeElement("errmsg", error.message);
    this.#int32("code", error.code);
    writer.writeElement("codeName", error.codeName);
    for (const [name, value] of Object.entries(error.extra)) writer.writeElement(name, value);
    if (error.labels.length > 0) writer.writeElement("errorLabels", error.labels);
    this.#raw(tail);
    writer.close(doc);
    return this.#close(at);
  }

  #int32(name: string, value: number): void {
    const writer = this.#writer;
    writer.writeHead(0x10, name);
    writer.reserve(4);
    writer.int32At(writer.length, value);
    writer.length += 4;
  }

  #raw(bytes: Buffer): void {
    const writer = this.#writer;
    writer.reserve(bytes.length);
    writer.buffer.set(bytes, writer.length);
    writer.length += bytes.length;
  }

  #open(responseTo: number, via: "msg" | "query"): number {
    const writer = this.#writer;
    writer.reset();
    const head = via === "msg" ? headBytes + 5 : headBytes + 20;
    writer.reserve(head);
    const { buffer } = writer;
    for (let i = 0; i < head; i++) buffer[i] = 0;
    this.#requestId = (this.#requestId + 1) & 0x7fffffff;
    writer.int32At(4, this.#requestId);
    writer.int32At(8, responseTo);
    writer.int32At(12, via === "msg" ? opMsg : opReply);
    if (via === "query") {
      // responseFlags: AwaitCapable; numberReturned: 1.
      writer.int32At(16, 8);
      writer.int32At(32, 1);
    }
    writer.length = head;
    return 0;
  }

  #close(at: number): Buffer {
    const writer = this.#writer;
    writer.int32At(at, writer.length);
    // Small replies share the pool of Buffer; a large one has memory of its own.
    const reply = Buffer.allocUnsafe(writer.length);
    writer.buffer.copy(reply, 0, 0, writer.length);
    return reply;
  }
}
