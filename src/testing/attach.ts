import { createConnection } from "node:net";
import { KeyfoldError } from "../internal/errors.js";
import { socketChannel } from "./channels.js";
import { type EngineFacts, RemoteControl } from "./control.js";
import type { EngineName } from "./registry.js";
import { type TestEngines, testEngines } from "./test-engines.js";

export type { Fault } from "../engines/engine.js";
export type { FaultRule } from "./faults.js";
export type { EngineName } from "./registry.js";
export type {
  EngineControls,
  InjectedFault,
  TestClock,
  TestEngine,
  TestEngines,
  TestFaults,
} from "./test-engines.js";

/** Holds the address of the controls of the engines that a test run shares. */
export const controlVariable = "KEYFOLD_TEST_CONTROL";

/** Holds an engine's URL: `KEYFOLD_MONGODB_URL`. */
export function urlVariable(engine: EngineName): string {
  return `KEYFOLD_${engine.toUpperCase()}_URL`;
}

/**
 * From within a test: the engines that the global setup of vitest or Jest started. `close()` lets go of them; they
 * run on for the other tests. `reset()` empties them for all workers at once, so tests that run at the same time
 * want a database each, or engines of their own (`startEngines`).
 *
 * @param address where they are; default: what the global setup said in `KEYFOLD_TEST_CONTROL`.
 * @throws KeyfoldError `INPUT_INVALID` without an address, `UNAVAILABLE` when nothing answers there.
 */
export async function attachEngines<E extends EngineName = EngineName>(
  address: string | undefined = process.env[controlVariable],
): Promise<TestEngines<E>> {
  if (address === undefined)
    throw new KeyfoldError("INPUT_INVALID", "No shared engines are running.", {
      fix: "Add keyfold's global setup to the test runner's configuration, or start engines in the test: startEngines().",
    });
  const socket = createConnection(address);
  const channel = socketChannel(socket);
  const engines = await new Promise<readonly EngineFacts[]>((resolve, reject) => {
    socket.once("error", (cause) =>
      reject(new KeyfoldError("UNAVAILABLE", "The shared engines do not answer: has the test run ended?", { cause })),
    );
    let greeted = false;
    channel.onMessage((message) => {
      if (greeted) return;
      greeted = true;
      resolve((message as { engines: readonly EngineFacts[] }).engines);
    });
  });
  return testEngines<E>(new RemoteControl(channel, engines), async () => void socket.destroy());
}
