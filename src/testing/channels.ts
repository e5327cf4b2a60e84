import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import type { Channel } from "./control.js";

/** The IPC channel between a forked child and its parent, from either end. */
export function ipcChannel(end: ChildProcess | NodeJS.Process): Channel {
  return {
    send: (message) => {
      // A child that is gone is reported by its close, not by a failed send.
      if (end.connected === true) end.send?.(message as object, undefined, undefined, () => {});
    },
    onMessage: (listener) => void (end as NodeJS.Process).on("message", listener),
    onClose: (listener) => void (end as NodeJS.Process).once("disconnect", listener),
    keepAlive: (on) => {
      if (on) end.channel?.ref();
      else end.channel?.unref();
    },
  };
}

/** One JSON value a line on a local socket. */
export function socketChannel(socket: Socket): Channel {
  socket.setEncoding("utf8");
  const listeners: ((message: unknown) => void)[] = [];
  let rest = "";
  socket.on("data", (chunk: string) => {
    rest += chunk;
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      let message: unknown;
      try {
        message = JSON.parse(line);
      } catch {
        socket.destroy(); // not one of ours
        return;
      }
      for (const listener of listeners) listener(message);
    }
  });
  socket.on("error", () => {}); // its close follows
  return {
    send: (message) => void socket.write(`${JSON.stringify(message)}\n`),
    onMessage: (listener) => void listeners.push(listener),
    onClose: (listener) => void socket.once("close", listener),
    keepAlive: (on) => void (on ? socket.ref() : socket.unref()),
  };
}
