import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { KeyfoldError } from "../internal/errors.js";
import { ipcChannel } from "./channels.js";
import { type EngineFacts, RemoteControl } from "./control.js";
import type { HostOptions } from "./host.js";

/** What the child says first. */
export type ChildGreeting =
  | { readonly ready: readonly EngineFacts[] }
  | { readonly failed: { readonly code?: string; readonly message: string } };

/** Engines in a child process. */
export interface Beside {
  readonly control: RemoteControl;
  readonly pid: number | undefined;
  /** Resolves when the child has ended. */
  close(): Promise<void>;
}

/** Starts the engines in a child process, which ends when this one does. */
export async function startBeside(options: HostOptions): Promise<Beside> {
  const child = fork(fileURLToPath(new URL("./child.js", import.meta.url)), [], {
    execArgv: [], // a test runner's own flags are none of the engines' business
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    serialization: "json",
  });
  const exited = once(child, "exit");
  exited.catch(() => {});
  const greeting = await new Promise<ChildGreeting>((resolve, reject) => {
    child.once("message", (message) => resolve(message as ChildGreeting));
    child.once("error", reject);
    child.once("exit", (code, signal) =>
      reject(new KeyfoldError("UNAVAILABLE", `The engines' process ended at its start (${signal ?? `code ${code}`}).`)),
    );
    child.send(options);
  });
  if ("failed" in greeting) {
    await exited;
    throw new KeyfoldError("UNAVAILABLE", `The engines did not start: ${greeting.failed.message}`);
  }
  const control = new RemoteControl(ipcChannel(child), greeting.ready);
  child.unref();
  const close = async (): Promise<void> => {
    child.ref();
    await control.call("close").catch((error: unknown) => {
      // Killed while closing: closed all the same.
      if (!(error instanceof KeyfoldError && error.code === "UNAVAILABLE")) throw error;
    });
    if (child.exitCode === null && child.signalCode === null) await exited;
  };
  return { control, pid: child.pid, close };
}
