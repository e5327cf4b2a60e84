// The process that runs engines beside a test. It is forked by beside.ts, told what to start by the first message,
// and ends with its parent.
import type { ChildGreeting } from "./beside.js";
import { ipcChannel } from "./channels.js";
import { serveControl } from "./control.js";
import { EngineHost, type HostOptions } from "./host.js";

process.once("disconnect", () => process.exit(0));
// Ctrl-C goes to the whole group: the parent decides when the engines end.
process.on("SIGINT", () => {});

process.once("message", async (options: HostOptions) => {
  const greet = (greeting: ChildGreeting, sent: () => void = () => {}) =>
    process.send?.(greeting, undefined, undefined, sent);
  try {
    const host = await EngineHost.start(options);
    serveControl(host, ipcChannel(process), () => process.disconnect());
    greet({ ready: host.engines });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    greet({ failed: { message } }, () => process.exit(1));
  }
});
