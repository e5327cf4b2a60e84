/** The native protocol v4 on one connection. */
import type { Intercept } from "../../engine.js";
import type { Connection, Session } from "../../net/connection.js";
import { FrameReader } from "../../net/frames.js";
import { pass } from "../../net/intercept.js";
import type { Node } from "../cluster/node.js";
import { CqlError, errorCode, protocolError } from "../errors.js";
import { batch, execute } from "../execute.js";
import type { Prepared } from "../prepare.js";
import type { Result } from "../query/result.js";
import type { ServerState } from "../server-state.js";
import { type Compressor, compressionNames, compressorOf } from "./compression.js";
import { toCqlError, writeError, writePrepared, writeResult } from "./encode.js";
import { commandOf, detailOf, targetOf } from "./fault-names.js";
import { BrokenFrame, flag, frame, frameShape, headBytes, opcode, opcodeNames } from "./frames.js";
import { Input } from "./input.js";
import { Output } from "./output.js";
import { arrange, readBatch, readOptions } from "./requests.js";

/** Requests of one connection that may be unanswered before no further one is read. */
const mostInFlight = 4096;
/** Bodies below this are not worth compressing. */
const smallestCompressed = 64;

// Answers are written one at a time.
const out = new Output(16 * 1024);

interface Request {
  readonly stream: number;
  readonly code: number;
  readonly input: Input;
  readonly tracing: boolean;
}

export class CqlSession implements Session {
  readonly connection: Connection;
  readonly node: Node;
  readonly #state: ServerState;
  readonly #intercept: Intercept | undefined;
  readonly #frames = new FrameReader(frameShape);
  #stage: "startup" | "login" | "ready" = "startup";
  #compressor: Compressor | undefined;
  #inFlight = 0;
  #resume: (() => void) | undefined;
  #flushing = false;
  #keyspace: string | undefined;
  /** Kinds of events that the client asked for. */
  readonly events = new Set<string>();
  readonly facts = { driverName: "", driverVersion: "", requests: 0 };
  #pending = 0;

  constructor(connection: Connection, node: Node, state: ServerState, intercept: Intercept | undefined) {
    this.connection = connection;
    this.node = node;
    this.#state = state;
    this.#intercept = intercept;
    state.sessions.add(this);
  }

  get keyspace(): string | undefined {
    return this.#keyspace;
  }

  get stage(): string {
    return this.#stage;
  }

  closed(): void {
    this.#count(0);
    this.#state.sessions.delete(this);
    this.#resume?.();
  }

  #count(bytes: number): void {
    this.#state.inFlightBytes += bytes - this.#pending;
    this.#pending = bytes;
  }

  receive(chunk: Buffer): void | Promise<void> {
    this.#frames.push(chunk);
    return this.#work();
  }

  #work(): void | Promise<void> {
    const { connection } = this;
    while (!connection.isClosed) {
      if (this.node.isPaused) {
        // A stopped process reads nothing.
        return new Promise<void>((resolve) => this.node.whenResumed(resolve)).then(() => this.#work());
      }
      let bytes: Buffer | undefined;
      try {
        bytes = this.#frames.next();
      } catch (error) {
        const broken = error instanceof BrokenFrame ? error : new BrokenFrame(0, error as Error);
        this.#send(broken.stream, opcode.error, (to) => writeError(to, toCqlError(broken.reason)));
        connection.end();
        return;
      }
      if (bytes === undefined) {
        this.#count(this.#frames.pendingBytes);
        if (this.#state.isOverloaded()) connection.destroy();
        return;
      }
      this.#serve(bytes);
      if (this.#inFlight >= mostInFlight)
        return new Promise<void>((resolve) => {
          this.#resume = resolve;
        }).then(() => {
          this.#resume = undefined;
          return this.#work();
        });
      if (connection.isCongested) return connection.drain().then(() => this.#work());
    }
  }

  #serve(bytes: Buffer): void {
    const stream = bytes.readInt16BE(2);
    const flags = bytes[1]!;
    const code = bytes[4]!;
    this.facts.requests++;
    let request: Request;
    try {
      let body = bytes.subarray(headBytes);
      if ((flags & flag.compressed) !== 0 && body.length > 0) {
        if (this.#compressor === undefined) throw protocolError("Compressed frame without compression");
        try {
          body = this.#compressor.decompress(body);
        } catch (error) {
          throw error instanceof CqlError ? error : protocolError("Invalid compressed body");
        }
      }
      const input = new Input(body);
      // What it carries besides is for plug-ins of servers; there are none.
      if ((flags & flag.customPayload) !== 0) input.bytesMap();
      request = { stream, code, input, tracing: (flags & flag.tracing) !== 0 };
    } catch (error) {
      this.#fail(stream, error);
      return;
    }
    const { slowMs } = this.node;
    if (slowMs === 0) this.#answer(request);
    else setTimeout(() => this.#answer(request), slowMs);
  }

  #answer(request: Request): void {
    const { stream } = request;
    try {
      switch (request.code) {
        case opcode.startup:
          this.#startup(request);
          return;
        case opcode.options:
          this.#send(stream, opcode.supported, (to) => {
            to.short(3);
            to.string("PROTOCOL_VERSIONS");
            to.stringList(["4/v4"]);
            to.string("COMPRESSION");
            to.stringList(compressionNames);
            to.string("CQL_VERSION");
            to.stringList(["3.4.7"]);
          });
          return;
        case opcode.authResponse:
          this.#login(request);
          return;
      }
      if (this.#stage !== "ready") {
        const name = opcodeNames[request.code];
        throw protocolError(
          this.#stage === "startup"
            ? `Unexpected message ${name ?? request.code}, expecting STARTUP or OPTIONS`
            : `Unexpected message ${name ?? request.code}, expecting AUTH_RESPONSE`,
        );
      }
      switch (request.code) {
        case opcode.register: {
          for (const kind of request.input.stringList()) {
            if (!["TOPOLOGY_CHANGE", "STATUS_CHANGE", "SCHEMA_CHANGE"].includes(kind))
              throw protocolError(`Invalid value '${kind}' for Type`);
            this.events.add(kind);
          }
          this.#send(stream, opcode.ready, () => {});
          return;
        }
        case opcode.query:
        case opcode.prepare:
        case opcode.execute:
        case opcode.batch:
          this.#run(request);
          return;
        default:
          throw protocolError(`Unknown opcode ${request.code}`);
      }
    } catch (error) {
      this.#fail(stream, error);
    }
  }

  #startup({ stream, input }: Request): void {
    const options = input.stringMap();
    if (this.#stage === "ready")
      throw protocolError("Unexpected message STARTUP, expecting any of the requests after it");
    const cql = options.get("CQL_VERSION");
    if (cql === undefined) throw protocolError("Missing value CQL_VERSION in STARTUP message");
    if (!/^3\.\d+(\.\d+)?/.test(cql))
      throw protocolError(
        `CQL version ${cql} is not supported by the binary protocol (supported version are >= 3.0.0)`,
      );
    const compression = options.get("COMPRESSION");
    if (compression !== undefined && compression !== "") {
      const compressor = compressorOf(compression);
      if (compressor === undefined) throw protocolError(`Unknown compression algorithm: ${compression}`);
      this.#compressor = compressor;
    }
    this.facts.driverName = options.get("DRIVER_NAME") ?? "";
    this.facts.driverVersion = options.get("DRIVER_VERSION") ?? "";
    if (this.#state.auth === undefined) {
      this.#stage = "ready";
      this.#send(stream, opcode.ready, () => {}, true);
      return;
    }
    this.#stage = "login";
    this.#send(stream, opcode.authenticate, (to) => to.string("org.apache.cassandra.auth.PasswordAuthenticator"), true);
  }

  #login({ stream, input }: Request): void {
    if (this.#stage !== "login") throw protocolError("Unexpected message AUTH_RESPONSE");
    const token = input.optionalBytes() ?? Buffer.alloc(0);
    const parts = token.toString("utf8").split("\0");
    const [, user = "", password = ""] = parts;
    const auth = this.#state.auth!;
    if (parts.length < 3) throw new CqlError(errorCode.badCredentials, "Authentication ID must not be null");
    if (user !== auth.user || password !== auth.password)
      throw new CqlError(errorCode.badCredentials, `Provided username ${user} and/or password are incorrect`);
    this.#stage = "ready";
    this.#send(stream, opcode.authSuccess, (to) => to.int(-1));
  }

  /** QUERY, PREPARE, EXECUTE, BATCH: what passes the seam. */
  #run(request: Request): void {
    const { stream, code, input, tracing } = request;
    const warnings: string[] = [];
    const started = tracing ? this.#state.startTrace() : undefined;
    let write: (result: Result) => void;
    let target: () => string | undefined;
    let command: () => string;
    let work: () => Result | Promise<Result>;
    const trace = started?.id;
    const finish = (text: string): void => {
      if (started !== undefined) this.#state.endTrace(started, text, this);
    };
    if (code === opcode.prepare) {
      const text = input.longString();
      const prepared = this.#state.prepare(text, this.#keyspace);
      this.#answerWith(stream, warnings, trace, (to) => writePrepared(to, prepared));
      finish(`Preparing ${text}`);
      return;
    }
    if (code === opcode.batch) {
      const { plan, values, options, prepared } = readBatch(input, warnings, this.#keyspace, this.#state);
      write = (result) => this.#answerWith(stream, warnings, trace, (to) => writeResult(to, result, false));
      target = () => prepared?.fullName;
      command = () => "BATCH";
      work = () => batch(this.#state.engine, this.node, plan, values, options);
      finish("Execute batch of CQL3 queries");
    } else {
      let prepared: Prepared;
      let announced: Prepared["plan"] | undefined;
      if (code === opcode.query) prepared = this.#state.statement(input.longString(), this.#keyspace);
      else {
        const id = input.shortBytes();
        const found = this.#state.prepared(id);
        if (found === undefined)
          throw new CqlError(
            errorCode.unprepared,
            `Prepared query with ID ${id.toString("hex")} not found (either the query was not prepared on this host (maybe the host has been restarted?) or you have prepared too many queries and it has been evicted from the internal cache)`,
            { kind: "unprepared", id },
          );
        announced = found.announced;
        prepared = found.current;
      }
      const options = readOptions(input, warnings, prepared.keyspace ?? this.#keyspace);
      const { plan } = prepared;
      const values = arrange(options.values, prepared);
      // Columns that came since would be read wrongly by what was announced.
      const sameColumns =
        announced === undefined ||
        announced === plan ||
        (announced.kind === "select" &&
          plan.kind === "select" &&
          announced.select.columns.length === plan.select.columns.length &&
          announced.select.columns.every(
            (column, at) =>
              column.name === plan.select.columns[at]!.name && column.type.equals(plan.select.columns[at]!.type),
          ));
      const skip = options.skipMetadata && plan.kind === "select" && sameColumns;
      write = (result) => {
        if (result.kind === "keyspace") this.#keyspace = result.keyspace;
        this.#answerWith(stream, warnings, trace, (to) => writeResult(to, result, skip));
      };
      target = () => targetOf(prepared);
      command = () => commandOf(prepared);
      work = () => execute(this.#state.engine, this.node, prepared, values, options);
      finish(prepared.text);
    }
    const done =
      this.#intercept === undefined
        ? work()
        : pass<Result | CqlError>(
            this.#intercept,
            this.connection,
            () => ({
              engine: "cassandra",
              command: command(),
              target: target(),
              connectionId: this.connection.id,
            }),
            {
              run: () => work(),
              fail: (fault) =>
                new CqlError(Number(fault.code), fault.message, detailOf(Number(fault.code), fault.message)),
            },
          );
    if (!(done instanceof Promise)) {
      if (done instanceof CqlError) this.#fail(stream, done);
      else if (done !== undefined) write(done);
      return;
    }
    this.#inFlight++;
    done
      .then(
        (result) => {
          if (result instanceof CqlError) this.#fail(stream, result);
          else if (result !== undefined) write(result);
        },
        (error: unknown) => this.#fail(stream, error),
      )
      .then(() => {
        this.#inFlight--;
        this.#flushSoon();
        if (this.#inFlight < mostInFlight / 2) this.#resume?.();
      });
  }

  #fail(stream: number, error: unknown): void {
    this.#send(stream, opcode.error, (to) => writeError(to, toCqlError(error)));
  }

  #answerWith(
    stream: number,
    warnings: readonly string[],
    trace: Buffer | undefined,
    write: (to: Output) => void,
  ): void {
    out.size = 0;
    let flags = 0;
    if (trace !== undefined) {
      flags |= flag.tracing;
      out.raw(trace);
    }
    if (warnings.length > 0) {
      flags |= flag.warning;
      out.stringList(warnings);
    }
    write(out);
    this.#put(stream, flags, opcode.result);
  }

  #send(stream: number, code: number, write: (to: Output) => void, plain = false): void {
    out.size = 0;
    write(out);
    this.#put(stream, 0, code, plain);
  }

  #put(stream: number, flags: number, code: number, plain = false): void {
    const body = out.bytes.subarray(0, out.size);
    if (this.#compressor !== undefined && !plain && body.length >= smallestCompressed)
      this.connection.write(frame(stream, flags | flag.compressed, code, this.#compressor.compress(body)));
    else this.connection.write(frame(stream, flags, code, body));
  }

  /** Tells an event, where the client asked for its kind. */
  tell(kind: string, write: (to: Output) => void): void {
    if (!this.events.has(kind)) return;
    this.#send(-1, opcode.event, (to) => {
      to.string(kind);
      write(to);
    });
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.connection.flush();
    });
  }
}
