import type { Intercept } from "../../engine.js";
import type { Connection, Session } from "../../net/connection.js";
import { FrameReader } from "../../net/frames.js";
import { pass } from "../../net/intercept.js";
import type { Client, Engine } from "../commands/command.js";
import { commandName, prepare, run } from "../commands/dispatch.js";
import { codeNameOf, MongoError, mongoError } from "../errors.js";
import { decodeMessage, MalformedMessage, type Message, messageFrames } from "./message.js";
import { ReplyWriter } from "./reply.js";

const nothing = Buffer.alloc(0);

// Commands end before the next one writes its reply, so all connections share one writer.
const replies = new ReplyWriter();

/** Bytes that wait in all connections together; shared so that many half-sent messages cannot fill the memory. */
export interface InFlight {
  bytes: number;
}

/** MongoDB's protocol on one connection. */
export class MongoSession implements Session {
  readonly #connection: Connection;
  readonly #engine: Engine;
  readonly #intercept: Intercept | undefined;
  readonly #frames = new FrameReader(messageFrames);
  readonly #inFlight: InFlight;
  readonly #client: Client;
  #pending = 0;

  constructor(connection: Connection, engine: Engine, intercept: Intercept | undefined, inFlight: InFlight) {
    this.#connection = connection;
    this.#engine = engine;
    this.#intercept = intercept;
    this.#inFlight = inFlight;
    this.#client = {
      connectionId: connection.id,
      remote: `${connection.remoteAddress}:${connection.remotePort}`,
      authenticated: engine.scram === undefined,
      user: undefined,
      conversation: undefined,
      metadata: undefined,
    };
  }

  closed(): void {
    this.#count(0);
  }

  #count(bytes: number): void {
    this.#inFlight.bytes += bytes - this.#pending;
    this.#pending = bytes;
  }

  receive(chunk: Buffer): void | Promise<void> {
    this.#engine.counters.bytesIn += chunk.length;
    this.#frames.push(chunk);
    return this.#work();
  }

  #work(): void | Promise<void> {
    const connection = this.#connection;
    while (!connection.isClosed) {
      let frame: Buffer | undefined;
      let message: Message;
      try {
        frame = this.#frames.next();
        if (frame === undefined) {
          this.#count(this.#frames.pendingBytes);
          if (this.#engine.net().overloaded(this.#inFlight.bytes)) connection.destroy();
          return;
        }
        message = decodeMessage(frame);
      } catch (error) {
        this.#malformed(error);
        return;
      }
      const busy = this.#serve(message);
      if (busy !== undefined) return busy.then(() => this.#work());
      // Many requests of one chunk can ask for more than their client reads.
      if (connection.isCongested) return connection.drain().then(() => this.#work());
    }
  }

  /** The protocol's error where the client can understand one; then the end, for what follows cannot be trusted. */
  #malformed(error: unknown): void {
    if (error instanceof MalformedMessage && error.reply) {
      const reason = error.reason instanceof MongoError ? error.reason : mongoError(22, error.message);
      this.#send(replies.fail(error.requestId, "msg", reason, nothing));
    }
    this.#connection.end();
  }

  #serve(message: Message): undefined | Promise<void> {
    const engine = this.#engine;
    engine.counters.requests++;
    const { requestId, via, silent } = message;
    const fail = (error: unknown): Buffer | undefined =>
      silent ? undefined : replies.fail(requestId, via, toMongoError(error), engine.clusterTime.replyTail());
    const execute = (): Buffer | undefined | Promise<Buffer | undefined> => {
      try {
        const reply = run(prepare(message, this.#client, engine), engine);
        if (reply instanceof Promise) {
          return reply.then(
            (late) => (silent ? undefined : replies.ok(requestId, via, late, engine.clusterTime.replyTail())),
            fail,
          );
        }
        return silent ? undefined : replies.ok(requestId, via, reply, engine.clusterTime.replyTail());
      } catch (error) {
        return fail(error);
      }
    };
    const answer =
      this.#intercept === undefined
        ? execute()
        : pass<Buffer | undefined>(
            this.#intercept,
            this.#connection,
            () => ({
              engine: "mongodb",
              command: commandName(message),
              target: targetOf(message),
              connectionId: this.#client.connectionId,
            }),
            { run: execute, fail: (fault) => fail(injected(fault)) },
          );
    if (answer instanceof Promise) return answer.then((bytes) => this.#send(bytes));
    this.#send(answer);
    return undefined;
  }

  #send(bytes: Buffer | undefined): void {
    if (bytes === undefined) return;
    this.#engine.counters.bytesOut += bytes.length;
    this.#connection.write(bytes);
  }
}

function targetOf(message: Message): string | undefined {
  const first = message.body.first();
  const db = message.queryDb ?? message.body.get("$db");
  if (typeof db !== "string") return undefined;
  const collection = typeof first?.[1] === "string" ? first[1] : message.body.get("collection");
  return typeof collection === "string" ? `${db}.${collection}` : db;
}

function injected(fault: { code: number | string; message: string; labels?: readonly string[] }): MongoError {
  const code = Number(fault.code);
  const error = mongoError(Number.isInteger(code) ? code : 1, fault.message);
  error.labels = [...(fault.labels ?? [])];
  return error;
}

/** What went wrong inside the engine is told as an error of the server, and does not end the process. */
function toMongoError(error: unknown): MongoError {
  if (error instanceof MongoError) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof RangeError && /call stack/i.test(text)) {
    return mongoError(15, "The request is nested too deeply");
  }
  if (process.env["KEYFOLD_DEBUG"] !== undefined) console.error(error);
  return new MongoError(1, codeNameOf(1), `Unexpected error in the embedded engine: ${text}`);
}
