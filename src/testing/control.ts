import { KeyfoldError, type KeyfoldErrorCode } from "../internal/errors.js";
import type { FaultRule } from "./faults.js";
import type { EngineName } from "./registry.js";

/** What a test can ask of the engines, wherever they run. Arguments and results are plain data. */
export interface Operations {
  reset(): void;
  close(): void;
  now(): number;
  advance(ms: number): void;
  set(ms: number): void;
  freeze(): void;
  resume(): void;
  inject(rule: FaultRule): number;
  hits(id: number): number;
  remove(id: number): void;
  clear(): void;
  node(number: number, action: NodeAction): void;
  repair(): void;
}

/** What can be done to a node of a cluster. */
export type NodeAction = "stop" | "start" | "pause" | "resume" | "cut-off" | "reconnect" | { readonly slowMs: number };

export type Operation = keyof Operations;

/** What a driver needs to know of a running engine. */
export interface EngineFacts {
  readonly engine: EngineName;
  readonly url: string;
  readonly port: number;
}

/** The engines as seen by the test: in this process, or behind a channel. */
export interface Control {
  readonly engines: readonly EngineFacts[];
  call<O extends Operation>(operation: O, ...args: Parameters<Operations[O]>): Promise<ReturnType<Operations[O]>>;
}

/** Carries plain values to another process and back: a child's IPC channel, or a socket. */
export interface Channel {
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Called once, when nothing more will come. */
  onClose(listener: () => void): void;
  /** Whether the channel keeps this process alive. */
  keepAlive(on: boolean): void;
}

interface Request {
  readonly id: number;
  readonly operation: Operation;
  readonly args: readonly unknown[];
}

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly code: KeyfoldErrorCode | undefined; readonly message: string };
}

/** Answers the requests that arrive on `channel` by `control`. */
export function serveControl(control: Control, channel: Channel, closed: () => void = () => {}): void {
  channel.onMessage((message) => {
    const { id, operation, args } = message as Request;
    control.call(operation, ...(args as Parameters<Operations[Operation]>)).then(
      (result) => {
        channel.send({ id, result } satisfies Reply);
        if (operation === "close") closed();
      },
      (error: unknown) => {
        const text = error instanceof Error ? error.message : String(error);
        const code = error instanceof KeyfoldError ? error.code : undefined;
        channel.send({ id, error: { code, message: text } } satisfies Reply);
      },
    );
  });
}

/** The engines at the other end of a channel. */
export class RemoteControl implements Control {
  readonly engines: readonly EngineFacts[];
  readonly #channel: Channel;
  readonly #pending = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #lastId = 0;
  #closed = false;

  constructor(channel: Channel, engines: readonly EngineFacts[]) {
    this.engines = engines;
    this.#channel = channel;
    channel.keepAlive(false);
    channel.onMessage((message) => this.#settle(message as Reply));
    channel.onClose(() => {
      this.#closed = true;
      for (const { reject } of this.#pending.values()) reject(gone());
      this.#pending.clear();
    });
  }

  call<O extends Operation>(operation: O, ...args: Parameters<Operations[O]>): Promise<ReturnType<Operations[O]>> {
    // Closing what is gone already is no error: an `await using` after a kill must not hide the test's own failure.
    if (this.#closed) return operation === "close" ? Promise.resolve(undefined as never) : Promise.reject(gone());
    const id = ++this.#lastId;
    this.#channel.keepAlive(true);
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.#channel.send({ id, operation, args } satisfies Request);
    });
  }

  #settle(reply: Reply): void {
    const waiting = this.#pending.get(reply.id);
    if (waiting === undefined) return;
    this.#pending.delete(reply.id);
    if (this.#pending.size === 0) this.#channel.keepAlive(false);
    if (reply.error === undefined) waiting.resolve(reply.result);
    else waiting.reject(new KeyfoldError(reply.error.code ?? "UNAVAILABLE", reply.error.message));
  }
}

function gone(): KeyfoldError {
  return new KeyfoldError("UNAVAILABLE", "The engines' process is gone.", { fix: "Start the engines again." });
}
