import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A request in the protocol's bytes. */
export function request(...args: readonly (string | number)[]): string {
  let text = `*${args.length}\r\n`;
  for (const arg of args) {
    const item = String(arg);
    text += `$${item.length}\r\n${item}\r\n`;
  }
  return text;
}

export async function open(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  return socket;
}

/** Sends requests of which only the last one's reply is looked at, and waits for that. */
export async function feed(port: number, requests: Iterable<string>): Promise<void> {
  const socket = await open(port);
  const mark = `end-${Math.random()}`;
  const done = new Promise<void>((resolve, reject) => {
    let tail = "";
    socket.on("data", (chunk: Buffer) => {
      const seen = tail + chunk.toString("latin1");
      const error = /(?:^|\n)(-[A-Z]+ [^\r]*)/.exec(seen);
      if (error !== null) reject(new Error(`the server answered ${error[1]}`));
      if (seen.includes(mark)) resolve();
      tail = seen.slice(-mark.length);
    });
    socket.once("close", () => reject(new Error("the server closed the connection")));
  });
  let batch = "";
  for (const one of requests) {
    batch += one;
    if (batch.length < 1 << 18) continue;
    if (!socket.write(batch, "latin1")) await once(socket, "drain");
    batch = "";
  }
  socket.write(batch + request("ECHO", mark), "latin1");
  await done;
  socket.destroy();
}

/** One request on a connection of its own; the bytes of the reply's first chunk. */
export async function ask(port: number, ...args: readonly (string | number)[]): Promise<string> {
  const socket = await open(port);
  socket.write(request(...args), "latin1");
  const [chunk] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  const reply = chunk.toString("latin1");
  if (reply.startsWith("-")) throw new Error(`${args[0]}: ${reply.slice(1)}`);
  return reply;
}
