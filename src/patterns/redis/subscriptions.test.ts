import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { subscriptionsOf } from "./subscriptions.js";

/** ioredis' side of a connection: what was asked is answered when `answer` is called, or never. */
class Client extends EventEmitter {
  readonly answers: (() => void)[] = [];
  subscribe = () => new Promise<void>((resolve) => this.answers.push(resolve));
  ssubscribe = () => new Promise<void>((resolve) => this.answers.push(resolve));
  unsubscribe = async () => {};
}

describe("subscriptions over ioredis", () => {
  const open = () => {
    const client = new Client();
    const on = subscriptionsOf({ client, ioredis: true, send: async () => {}, onEnd() {}, close() {} } as never);
    return { client, on };
  };

  it("keeps one listener, however many channels come and go", async () => {
    const { client, on } = open();
    const before = client.listenerCount("moved");
    for (let i = 0; i < 20; i++) {
      const standing = on.subscribe("subscribe", `c${i}`, () => {});
      client.answers.pop()!();
      await standing;
    }
    expect(client.listenerCount("moved")).toBe(before);
    expect(before).toBe(1);
  });

  it("rejects what waits when a channel lies on another node", async () => {
    const { client, on } = open();
    const waiting = on.subscribe("ssubscribe", "s", () => {});
    client.emit("moved");
    await expect(waiting).rejects.toThrow("another node");
  });

  it("forgets who listened, but not who listens now", async () => {
    const { client, on } = open();
    const heard: string[] = [];
    const [first, second] = [() => heard.push("first"), () => heard.push("second")];
    on.subscribe("subscribe", "c", first);
    client.emit("message", "c", "m");
    await on.unsubscribe("subscribe", "c", first);
    client.emit("message", "c", "m");
    on.subscribe("subscribe", "c", second);
    await on.unsubscribe("subscribe", "c", first);
    client.emit("message", "c", "m");
    expect(heard).toEqual(["first", "second"]);
  });
});
