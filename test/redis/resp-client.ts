import { connect, type Socket } from "node:net";

/** A reply as it stands on the wire, made comparable: the type's letter before each value. */
export type WireReply = string | null | readonly WireReply[];

class Incomplete extends Error {}

/** Reads one reply from a position; throws {@link Incomplete} until it is whole. */
function read(text: string, at: number): [WireReply, number] {
  const end = text.indexOf("\r\n", at);
  if (end < 0) throw new Incomplete();
  const kind = text[at]!;
  const line = text.slice(at + 1, end);
  const next = end + 2;
  switch (kind) {
    case "$":
    case "=": {
      const length = Number(line);
      if (length < 0) return [null, next];
      if (text.length < next + length + 2) throw new Incomplete();
      return [`$${text.slice(next, next + length)}`, next + length + 2];
    }
    case "*":
    case "~":
    case ">":
    case "%": {
      let count = Number(line);
      if (count < 0) return [null, next];
      if (kind === "%") count *= 2;
      const items: WireReply[] = [kind];
      let position = next;
      for (let i = 0; i < count; i++) {
        const [item, after] = read(text, position);
        items.push(item);
        position = after;
      }
      return [items, position];
    }
    case "_":
      return [null, next];
    default:
      return [kind + line, next];
  }
}

/** Pushes that answer no request; a subscription's confirmation does. */
const messages = new Set(["$message", "$pmessage", "$smessage", "$invalidate"]);

/** A connection that sends requests as they are and gives replies as they come. */
export class RespClient {
  /** RESP3's push messages, which answer nothing. */
  readonly pushes: WireReply[] = [];
  readonly #socket: Socket;
  #buffer = "";
  #waiting: { readonly resolve: (reply: WireReply) => void; readonly reject: (error: Error) => void }[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#buffer += chunk.toString("latin1");
      let at = 0;
      try {
        while (at < this.#buffer.length) {
          const [reply, next] = read(this.#buffer, at);
          at = next;
          if (Array.isArray(reply) && reply[0] === ">" && messages.has(String(reply[1]))) this.pushes.push(reply);
          else this.#waiting.shift()?.resolve(reply);
        }
      } catch (error) {
        if (!(error instanceof Incomplete)) throw error;
      }
      this.#buffer = this.#buffer.slice(at);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error("the connection was closed"));
    });
  }

  static open(port: number): Promise<RespClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, noDelay: true });
      socket.once("connect", () => resolve(new RespClient(socket)));
      socket.once("error", reject);
    });
  }

  /** Sends requests in one piece; their replies in order. */
  pipeline(requests: readonly (readonly string[])[]): Promise<WireReply[]> {
    let text = "";
    for (const args of requests) {
      text += `*${args.length}\r\n`;
      for (const arg of args) text += `$${arg.length}\r\n${arg}\r\n`;
    }
    const replies = requests.map(
      () => new Promise<WireReply>((resolve, reject) => this.#waiting.push({ resolve, reject })),
    );
    this.#socket.write(text, "latin1");
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no reply within 5 s to one of ${JSON.stringify(requests)}`)), 5000);
    });
    return Promise.race([Promise.all(replies), late]).finally(() => clearTimeout(timer));
  }

  async send(...args: string[]): Promise<WireReply> {
    const [reply] = await this.pipeline([args]);
    return reply!;
  }

  close(): void {
    this.#socket.destroy();
  }
}
