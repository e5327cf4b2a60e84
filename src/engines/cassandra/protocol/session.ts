/** The native protocol v4 on one connection. */
import type { Intercept } from "../../engine.js";
import type { Connection, Session } from "../../net/connection.js";
import { FrameReader } from "../../net/frames.js";
import { pass } from "../../net/intercept.js";
import type { Node } from "../cluster/node.js";
import { CqlError, errorCode, invalid, protocolError } from "../errors.js";
import { batch, type ExecuteOptions, execute } from "../execute.js";
import type { Prepared, PreparedBatch } from "../prepare.js";
import type { PreparedModification } from "../query/modify.js";
import type { Result } from "../query/result.js";
import type { Bound } from "../query/run.js";
import type { ServerState } from "../server-state.js";
import { type Compressor, compressionNames, compressorOf } from "./compression.js";
import { toCqlError, writeError, writePrepared, writeResult } from "./encode.js";
import { BrokenFrame, flag, frame, frameShape, headBytes, opcode, opcodeNames } from "./frames.js";
import { Input } from "./input.js";
import { Output } from "./output.js";

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

/** Values that a request binds, in order or by name. */
interface Values {
  readonly list: readonly Bound[];
  readonly names: readonly string[] | undefined;
}

const noValues: Values = { list: [], names: undefined };

interface QueryOptions extends ExecuteOptions {
  readonly values: Values;
  readonly skipMetadata: boolean;
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
      const { plan, values, options, prepared } = this.#readBatch(input, warnings);
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
      const options = this.#readOptions(input, warnings, prepared.keyspace ?? this.#keyspace);
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

  #readOptions(input: Input, warnings: string[], keyspace: string | undefined): QueryOptions {
    const level = input.short();
    const flags = input.byte();
    let values = noValues;
    if ((flags & 0x01) !== 0) {
      const count = input.short();
      const list: Bound[] = [];
      const names: string[] | undefined = (flags & 0x40) !== 0 ? [] : undefined;
      for (let at = 0; at < count; at++) {
        names?.push(input.string());
        list.push(input.value());
      }
      values = { list, names };
    }
    const size = (flags & 0x04) !== 0 ? input.int() : -1;
    const state = (flags & 0x08) !== 0 ? (input.optionalBytes() ?? undefined) : undefined;
    const serialConsistency = (flags & 0x10) !== 0 ? input.short() : 8;
    const timestamp = (flags & 0x20) !== 0 ? input.long() : undefined;
    if (timestamp === -0x8000000000000000n)
      throw protocolError(
        `Out of bound timestamp, must be in [${-0x7fffffffffffffffn}, ${0x7fffffffffffffffn}] (got ${timestamp})`,
      );
    if (level > 10) throw protocolError(`Unknown code ${level} for a consistency level`);
    if (serialConsistency !== 8 && serialConsistency !== 9)
      throw invalid("Invalid consistency level for conditional update. Must be one of SERIAL or LOCAL_SERIAL");
    return {
      consistency: level,
      serialConsistency,
      page: { size, state },
      timestamp,
      keyspace,
      warnings,
      values,
      skipMetadata: (flags & 0x02) !== 0,
    };
  }

  #readBatch(
    input: Input,
    warnings: string[],
  ): {
    readonly plan: PreparedBatch;
    readonly values: readonly (readonly Bound[])[];
    readonly options: ExecuteOptions;
    readonly prepared: PreparedModification["table"] | undefined;
  } {
    const type = (["logged", "unlogged", "counter"] as const)[input.byte()];
    if (type === undefined) throw protocolError("Unknown batch type");
    const count = input.short();
    const statements: PreparedModification[] = [];
    const values: (readonly Bound[])[] = [];
    for (let at = 0; at < count; at++) {
      const kind = input.byte();
      let prepared: Prepared;
      if (kind === 0) prepared = this.#state.statement(input.longString(), this.#keyspace);
      else if (kind === 1) {
        const id = input.shortBytes();
        const found = this.#state.prepared(id);
        if (found === undefined)
          throw new CqlError(errorCode.unprepared, `Prepared query with ID ${id.toString("hex")} not found`, {
            kind: "unprepared",
            id,
          });
        prepared = found.current;
      } else throw protocolError(`Invalid query kind in BATCH messages. Must be 0 or 1 but got ${kind}`);
      const bound = input.short();
      const list: Bound[] = [];
      for (let i = 0; i < bound; i++) list.push(input.value());
      const { plan } = prepared;
      if (plan.kind !== "modify")
        throw invalid("Invalid statement in batch: only UPDATE, INSERT and DELETE statements are allowed.");
      if (list.length !== prepared.markers.length)
        throw invalid(`There were ${prepared.markers.length} markers(?) in CQL but ${list.length} bound variables`);
      statements.push(plan.modification);
      values.push(list);
    }
    const level = input.short();
    const flags = input.byte();
    const serialConsistency = (flags & 0x10) !== 0 ? input.short() : 8;
    const timestamp = (flags & 0x20) !== 0 ? input.long() : undefined;
    if (level > 10) throw protocolError(`Unknown code ${level} for a consistency level`);
    return {
      plan: { kind: "batch", type, timestamp: undefined, statements },
      values,
      prepared: statements[0]?.table,
      options: {
        consistency: level,
        serialConsistency,
        page: { size: -1, state: undefined },
        timestamp,
        keyspace: this.#keyspace,
        warnings,
      },
    };
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

/** Bound values in the order of the markers. */
function arrange({ list, names }: Values, prepared: Prepared): readonly Bound[] {
  const { markers } = prepared;
  if (names === undefined) {
    if (list.length !== markers.length)
      throw invalid(`Invalid amount of bind variables: expected ${markers.length} but got ${list.length}`);
    return list;
  }
  return markers.map((marker, at) => {
    const wanted = prepared.markerNames[at] ?? marker.name;
    const found = names.indexOf(wanted);
    if (found < 0) throw invalid(`Invalid amount of bind variables: no value for ${wanted}`);
    return list[found]!;
  });
}

function commandOf({ plan }: Prepared): string {
  switch (plan.kind) {
    case "select":
      return "SELECT";
    case "modify":
      return plan.modification.kind.toUpperCase();
    case "batch":
      return "BATCH";
    default:
      return plan.statement.kind === "refused" ? plan.statement.statement : plan.statement.kind.toUpperCase();
  }
}

function targetOf({ plan, table, keyspace }: Prepared): string | undefined {
  if (table !== undefined) return table.fullName;
  if (plan.kind !== "other") return undefined;
  const { statement } = plan;
  if ("table" in statement) return `${statement.table.keyspace ?? keyspace ?? ""}.${statement.table.name}`;
  return undefined;
}

/** Injected errors need the fields that their code has. */
function detailOf(code: number, message: string): CqlError["detail"] {
  switch (code) {
    case errorCode.unavailable:
      return { kind: "unavailable", consistency: 1, required: 1, alive: 0 };
    case errorCode.writeTimeout:
      return { kind: "write-timeout", consistency: 1, received: 0, blockFor: 1, writeType: "SIMPLE" };
    case errorCode.readTimeout:
      return { kind: "read-timeout", consistency: 1, received: 0, blockFor: 1, dataPresent: false };
    case errorCode.alreadyExists:
      return { kind: "already-exists", keyspace: message, table: "" };
    default:
      return undefined;
  }
}
