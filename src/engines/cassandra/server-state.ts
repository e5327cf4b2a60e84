/** What all connections of an engine share: statements, sessions, traces. */
import type { Engine } from "./execute.js";
import { idOf, type Plan, type Prepared, prepare } from "./prepare.js";
import type { CqlSession } from "./protocol/session.js";
import type { PlainRow } from "./schema/system-rows.js";

/** Statements that are kept, prepared or not. */
const mostStatements = 2000;
const mostPrepared = 20_000;
const mostTraces = 100;
/** Longer texts are not kept unless they are prepared. */
const longestKept = 8 * 1024;

interface Trace {
  readonly id: Buffer;
  readonly startedMs: number;
  readonly started: number;
}

export class ServerState {
  readonly engine: Engine;
  readonly auth: { readonly user: string; readonly password: string } | undefined;
  readonly sessions = new Set<CqlSession>();
  /** Bytes of requests that have begun to arrive. */
  inFlightBytes = 0;
  readonly #mostBytes: number;
  readonly #statements = new Map<string, Prepared>();
  /** By id: as it was announced, and as it is now. */
  readonly #prepared = new Map<string, { announced: Plan; current: Prepared }>();
  readonly #sessionsTraced: PlainRow[] = [];
  readonly #eventsTraced: PlainRow[] = [];

  constructor(engine: Engine, auth: ServerState["auth"], mostBytes: number) {
    this.engine = engine;
    this.auth = auth;
    this.#mostBytes = mostBytes;
  }

  isOverloaded(): boolean {
    return this.inFlightBytes > this.#mostBytes;
  }

  /** A statement that is run once; the same text is not read again while the schema stays. */
  statement(text: string, keyspace: string | undefined): Prepared {
    const key = `${keyspace ?? ""}\0${text}`;
    const found = this.#statements.get(key);
    const { catalog } = this.engine;
    if (found !== undefined && found.changes === catalog.changes) return found;
    const made = prepare(text, keyspace, catalog);
    if (text.length <= longestKept && (made.plan.kind === "select" || made.plan.kind === "modify")) {
      if (this.#statements.size >= mostStatements) this.#statements.clear();
      this.#statements.set(key, made);
    }
    return made;
  }

  prepare(text: string, keyspace: string | undefined): Prepared {
    const id = idOf(text, keyspace).toString("latin1");
    const { catalog } = this.engine;
    const found = this.#prepared.get(id);
    if (found !== undefined && found.current.changes === catalog.changes) {
      found.announced = found.current.plan;
      return found.current;
    }
    const made = prepare(text, keyspace, catalog);
    this.#prepared.delete(id);
    if (this.#prepared.size >= mostPrepared) {
      const [oldest] = this.#prepared.keys();
      this.#prepared.delete(oldest!);
    }
    this.#prepared.set(id, { announced: made.plan, current: made });
    return made;
  }

  /** A prepared statement as the schema is now. Throws where it no longer fits. */
  prepared(id: Buffer): { readonly announced: Plan; readonly current: Prepared } | undefined {
    const key = id.latin1Slice(0, id.length);
    const found = this.#prepared.get(key);
    if (found === undefined) return undefined;
    const { catalog } = this.engine;
    if (found.current.changes !== catalog.changes) {
      const { text, keyspace, table } = found.current;
      // The table is as it was: only others have changed.
      if (table !== undefined && catalog.keyspace(table.keyspace)?.tables.get(table.name) === table)
        found.current = { ...found.current, changes: catalog.changes };
      else if (table !== undefined && catalog.keyspace(table.keyspace)?.tables.get(table.name) === undefined) {
        // It went with its table.
        this.#prepared.delete(key);
        return undefined;
      } else found.current = prepare(text, keyspace, catalog);
    }
    return found;
  }

  forget(): void {
    this.#statements.clear();
    this.#prepared.clear();
    this.#sessionsTraced.length = 0;
    this.#eventsTraced.length = 0;
  }

  startTrace(): Trace {
    return { id: this.engine.timeUuid(), startedMs: this.engine.now(), started: performance.now() };
  }

  endTrace(trace: Trace, request: string, session: CqlSession): void {
    const duration = Math.max(1, Math.round((performance.now() - trace.started) * 1000));
    const { host } = session.node;
    this.#sessionsTraced.push({
      session_id: trace.id,
      client: session.connection.remoteAddress === "" ? null : session.connection.remoteAddress.replace(/^::ffff:/, ""),
      command: "QUERY",
      coordinator: host,
      coordinator_port: 7000,
      duration,
      parameters: new Map([["query", request]]),
      request: "Execute CQL3 query",
      started_at: trace.startedMs,
    });
    this.#eventsTraced.push({
      session_id: trace.id,
      event_id: this.engine.timeUuid(),
      activity: `Parsing ${request}`,
      source: host,
      source_elapsed: duration,
      source_port: 7000,
      thread: "main",
    });
    if (this.#sessionsTraced.length > mostTraces) {
      this.#sessionsTraced.shift();
      this.#eventsTraced.shift();
    }
  }

  traces(): { sessions: readonly PlainRow[]; events: readonly PlainRow[] } {
    return { sessions: this.#sessionsTraced, events: this.#eventsTraced };
  }

  /** system_views.clients */
  clients(): PlainRow[] {
    return [...this.sessions].map((session) => ({
      address: session.connection.remoteAddress.replace(/^::ffff:/, "") || "127.0.0.1",
      port: session.connection.remotePort,
      connection_stage: session.stage,
      driver_name: session.facts.driverName,
      driver_version: session.facts.driverVersion,
      hostname: "localhost",
      keyspace_name: session.keyspace ?? null,
      protocol_version: 4,
      request_count: session.facts.requests,
      ssl_enabled: false,
      username: this.auth?.user ?? "anonymous",
      client_options: new Map(),
    }));
  }
}
