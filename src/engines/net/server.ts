import { type AddressInfo, createServer, type Server } from "node:net";
import { KeyfoldError } from "../../internal/errors.js";
import { Connection, type Session } from "./connection.js";
import { defaultLimits, type NetLimits } from "./limits.js";

/** What a TCP server of an engine is started with. */
export interface NetServerOptions {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** Whether clients must log in; without, only loopback addresses are served. */
  readonly authenticated: boolean;
  readonly limits?: Partial<NetLimits>;
  /** Makes the protocol's side of a new connection. */
  readonly open: (connection: Connection) => Session;
}

/** Whether an address is reachable from this machine alone. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** The TCP side that all engines share: listening, counting, limits, closing. */
export class NetServer {
  readonly #server: Server;
  readonly #connections = new Map<number, Connection>();
  readonly limits: NetLimits;
  #nextId = 1;
  #accepted = 0;

  private constructor(options: NetServerOptions) {
    this.limits = { ...defaultLimits, ...options.limits };
    this.#server = createServer({ noDelay: true }, (socket) => {
      if (this.#connections.size >= this.limits.connections) {
        socket.destroy();
        return;
      }
      const connection = new Connection(this.#nextId++, socket, this.limits.unreadBytes);
      this.#accepted++;
      this.#connections.set(connection.id, connection);
      socket.once("close", () => this.#connections.delete(connection.id));
      connection.start(options.open(connection));
    });
  }

  /** Starts to listen. Throws when the address is taken, or when it is open to others without a login. */
  static async listen(options: NetServerOptions): Promise<NetServer> {
    const host = options.host ?? "127.0.0.1";
    if (!options.authenticated && !isLoopback(host)) {
      throw new KeyfoldError("INPUT_INVALID", `An engine without credentials serves this machine alone, not ${host}.`, {
        fix: "Give credentials (auth: { user, password }) or leave the host at 127.0.0.1.",
      });
    }
    const server = new NetServer(options);
    await new Promise<void>((resolve, reject) => {
      server.#server.once("error", reject);
      server.#server.listen({ host, port: options.port ?? 0, backlog: 1024 }, () => {
        server.#server.off("error", reject);
        resolve();
      });
    }).catch((error: NodeJS.ErrnoException) => {
      throw new KeyfoldError("UNAVAILABLE", `Cannot listen on ${host}:${options.port ?? 0}: ${error.message}`, {
        cause: error,
        fix: error.code === "EADDRINUSE" ? "Stop what uses this port, or choose another one." : undefined,
      } as { cause: unknown; fix?: string });
    });
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Open connections. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Connections since the start. */
  get acceptedCount(): number {
    return this.#accepted;
  }

  connections(): Iterable<Connection> {
    return this.#connections.values();
  }

  /** Whether the requests that have arrived and wait take more memory than they may. */
  overloaded(pendingBytes: number): boolean {
    return pendingBytes > this.limits.inFlightBytes;
  }

  /** Closes all connections; resolves when the port is free. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const connection of this.#connections.values()) connection.destroy();
    });
  }
}
