import { createHash } from "node:crypto";
import { MemoryStore } from "../../storage/memory-store.js";
import type { Store } from "../../storage/store.js";
import type { PartitionChange } from "../data/replica.js";
import { Replica } from "../data/replica.js";

/** One node of the ring: an address, a token, a replica of its own, and what a test did to it. */
export class Node {
  /** From 0. */
  readonly index: number;
  readonly host: string;
  readonly token: bigint;
  readonly hostId: Buffer;
  readonly replica: Replica;
  /** Where its tables about itself are put together. */
  readonly system = new Replica(new MemoryStore());
  /** Its process is there. */
  isUp = true;
  /** Its process is stopped in mid-step: it takes requests and answers none. */
  isPaused = false;
  /** No message passes between it and the other nodes. */
  isCutOff = false;
  /** How much later it answers. */
  slowMs = 0;
  /** What waits until it goes on. */
  readonly #waiting: (() => void)[] = [];
  /** Changes that this coordinator keeps for nodes that were away, by their number. */
  readonly hints = new Map<number, { readonly change: PartitionChange; readonly at: number }[]>();

  constructor(index: number, count: number, host: string, store: Store) {
    this.index = index;
    this.host = host;
    // As the real engine's recipe has them: one token a node, evenly.
    this.token = count === 1 ? 0n : -(2n ** 63n) + (2n ** 64n / BigInt(count)) * BigInt(index);
    this.hostId = createHash("md5")
      .update(`keyfold node ${index + 1}`)
      .digest();
    this.hostId[6] = (this.hostId[6]! & 0x0f) | 0x40;
    this.hostId[8] = (this.hostId[8]! & 0x3f) | 0x80;
    this.replica = new Replica(store);
  }

  /** Whether another thinks that it is there. */
  seenBy(other: Node): boolean {
    if (other === this) return true;
    return this.isUp && !this.isCutOff && !other.isCutOff;
  }

  /** Whether it answers at once. */
  get isPrompt(): boolean {
    return this.isUp && !this.isPaused && this.slowMs === 0;
  }

  /** Runs when it goes on. */
  whenResumed(work: () => void): void {
    if (!this.isPaused) work();
    else this.#waiting.push(work);
  }

  resume(): void {
    this.isPaused = false;
    for (const work of this.#waiting.splice(0)) work();
  }

  /** Drops what waits: its process is gone. */
  forget(): void {
    this.#waiting.length = 0;
  }
}
