/** The ring: which nodes keep a partition, who has to answer, and what happens when one does not. */

import { isParts, type Row } from "../data/cells.js";
import { incremented } from "../data/counters.js";
import { above, endOfRing, tokenPrefix } from "../data/keys.js";
import type { PartitionChange, Replica } from "../data/replica.js";
import { decodeRow } from "../data/row.js";
import type { Keyspace } from "../schema/catalog.js";
import type { Table } from "../schema/table.js";
import { blockFor, consistency, readTimeout, unavailable, writeTimeout } from "./consistency.js";
import { MergedReader } from "./merged-reader.js";
import type { Node } from "./node.js";
import { LocalReader, type Reader, RingReader } from "./reader.js";

export interface ClusterOptions {
  /** How long a coordinator waits for replicas of a read. */
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  /** Whether coordinators keep what a node that is away misses. */
  readonly hints: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export const dataCenter = "datacenter1";

export class Cluster {
  readonly nodes: readonly Node[];
  readonly options: ClusterOptions;
  /** The first bytes of keys at which each node's range begins, in order. */
  readonly #starts: readonly { readonly key: string; readonly node: Node }[];
  readonly #keyspaceOf: (name: string) => Keyspace | undefined;
  /** Conditional writes on durable stores wait for one another. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(nodes: readonly Node[], keyspaceOf: (name: string) => Keyspace | undefined, options: ClusterOptions) {
    this.nodes = nodes;
    this.options = options;
    this.#keyspaceOf = keyspaceOf;
    this.#starts = nodes.map((node) => ({ key: tokenPrefix(node.token), node }));
  }

  get isDurable(): boolean {
    return this.nodes[0]!.replica.store.durable;
  }

  #now(): number {
    return Math.floor(this.options.now() / 1000);
  }

  replicationFactor(keyspace: string): number {
    const replication = this.#keyspaceOf(keyspace)?.replication;
    if (replication === undefined) return 1;
    const factor = replication.get("replication_factor") ?? replication.get(dataCenter);
    return factor === undefined ? 1 : Number(factor);
  }

  /** The nodes that keep the partition whose keys begin so; the first one is its primary. */
  replicas(keyspace: string, prefix: string): readonly Node[] {
    if (this.nodes.length === 1) return this.nodes;
    const factor = Math.min(this.replicationFactor(keyspace), this.nodes.length);
    // A node keeps the tokens up to its own.
    const token = prefix.slice(0, 8);
    const beyond = prefix.length === 11 && prefix.endsWith(above + above + above);
    let first = this.#starts.findIndex(({ key }) => (beyond ? token < key : token <= key));
    if (first < 0) first = 0;
    return Array.from({ length: factor }, (_, at) => this.#starts[(first + at) % this.#starts.length]!.node);
  }

  /** A reader of a table as this level demands, for these partitions or a range. */
  reader(
    coordinator: Node,
    table: Table,
    level: number,
    prefixes: readonly string[] | undefined,
  ): Reader | Promise<Reader> {
    const { nodes } = this;
    const factor = this.replicationFactor(table.keyspace);
    const required = blockFor(level, factor);
    if (nodes.length === 1) {
      if (required > 1) throw unavailable(level, required, 1);
      const [only] = nodes;
      if (only!.isPrompt) return new LocalReader(only!.replica, table);
    }
    let wait = 0;
    let stuck: { received: number } | undefined;
    const choose = (replicas: readonly Node[]): readonly Replica[] => {
      const alive = replicas.filter((node) => node.seenBy(coordinator));
      if (alive.length < required) throw unavailable(level, required, alive.length);
      // The coordinator's own data first, then those that answer soonest.
      const order = [...alive].sort((a, b) => cost(a, coordinator) - cost(b, coordinator));
      const chosen = order.slice(0, required);
      const paused = chosen.filter((node) => node.isPaused).length;
      if (paused > 0) stuck = { received: required - paused };
      for (const node of chosen) wait = Math.max(wait, node.slowMs);
      return chosen.map((node) => node.replica);
    };
    const readers = new Map<string, Reader>();
    const now = this.#now();
    const readerOf = (key: string): Reader => {
      const replicas = choose(this.replicas(table.keyspace, key));
      const name = replicas.map((replica) => nodes.findIndex((node) => node.replica === replica)).join();
      let reader = readers.get(name);
      if (reader === undefined) {
        reader = replicas.length === 1 ? new LocalReader(replicas[0]!, table) : new MergedReader(table, replicas, now);
        readers.set(name, reader);
      }
      return reader;
    };
    // Whoever cannot answer is known before the first row is read.
    const keys = prefixes ?? this.#starts.map(({ key }) => key);
    for (const key of keys) readerOf(key);
    const reader = new RingReader(readerOf, (from, to) => this.#segments(from, to));
    const { readTimeoutMs } = this.options;
    if (stuck !== undefined || wait >= readTimeoutMs) {
      const received = stuck?.received ?? 0;
      return new Promise((_, reject) => {
        setTimeout(() => reject(readTimeout(level, received, required)), readTimeoutMs);
      });
    }
    if (wait === 0) return reader;
    return new Promise((resolve) => setTimeout(() => resolve(reader), wait));
  }

  /** Parts of a range of keys, each with one set of replicas. */
  #segments(from: string, to: string): { from: string; to: string }[] {
    const cuts = this.#starts.map(({ key }) => key + above + above + above).filter((key) => key > from && key < to);
    const edges = [from, ...cuts, to];
    return edges.slice(0, -1).map((edge, at) => ({ from: edge, to: edges[at + 1]! }));
  }

  /** Puts changes on their replicas; resolves when as many have them as the level demands. */
  write(
    coordinator: Node,
    changes: readonly PartitionChange[],
    level: number,
    writeType: string,
  ): void | Promise<void> {
    const now = this.#now();
    if (this.nodes.length === 1) {
      const [only] = this.nodes;
      for (const { table } of changes) {
        const required = blockFor(level, this.replicationFactor(table.keyspace));
        if (required > 1) throw unavailable(level, required, 1);
      }
      if (only!.isPrompt) {
        const { replica } = only!;
        return replica.store.write(() => {
          for (const change of changes) replica.apply(change, now);
        });
      }
    }
    const plans = changes.map((change) => {
      const replicas = this.replicas(change.table.keyspace, change.prefix);
      const required = blockFor(level, this.replicationFactor(change.table.keyspace));
      const alive = replicas.filter((node) => node.seenBy(coordinator));
      if (alive.length < required && level !== consistency.any) throw unavailable(level, required, alive.length);
      return { change, replicas, required: level === consistency.any ? Math.min(1, alive.length) : required };
    });
    const waits: Promise<void>[] = [];
    for (const { change, replicas, required } of plans) {
      const done = this.#send(coordinator, change, replicas, required, level, writeType, now);
      if (done !== undefined) waits.push(done);
    }
    if (waits.length === 0) return;
    return Promise.all(waits).then(() => {});
  }

  #send(
    coordinator: Node,
    change: PartitionChange,
    replicas: readonly Node[],
    required: number,
    level: number,
    writeType: string,
    now: number,
  ): Promise<void> | undefined {
    let received = 0;
    let settle: (() => void) | undefined;
    let fail: ((error: Error) => void) | undefined;
    const acknowledged = (): void => {
      if (++received >= required) settle?.();
    };
    const apply = (node: Node, what = change): void => {
      if (!node.isUp) return;
      const { replica } = node;
      const done = replica.store.write(() => replica.apply(what, now));
      if (done instanceof Promise) done.then(acknowledged, (error: Error) => fail?.(error));
      else acknowledged();
    };
    const arrive = (node: Node): void => {
      const current = this.#asItIs(change);
      if (current !== undefined) apply(node, current);
    };
    const reach = (node: Node): void => {
      if (node.isPrompt) apply(node);
      else if (node.slowMs > 0) setTimeout(() => node.whenResumed(() => arrive(node)), node.slowMs);
      else node.whenResumed(() => arrive(node));
    };
    for (const node of replicas) {
      if (node.seenBy(coordinator)) reach(node);
      else this.#hint(coordinator, node, change);
    }
    if (received >= required) return undefined;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(writeTimeout(level, received, required, writeType)),
        this.options.writeTimeoutMs,
      );
      settle = () => {
        clearTimeout(timer);
        resolve();
      };
      fail = (error) => {
        clearTimeout(timer);
        reject(error);
      };
      if (received >= required) settle();
    });
  }

  #hint(coordinator: Node, node: Node, change: PartitionChange): void {
    if (!this.options.hints) return;
    const list = coordinator.hints.get(node.index) ?? [];
    list.push({ change, at: this.#now() });
    coordinator.hints.set(node.index, list);
  }

  /** A change that comes late, for its table as it is by then: with new columns and indexes; undefined: it is no more. */
  #asItIs(change: PartitionChange): PartitionChange | undefined {
    const table = this.#keyspaceOf(change.table.keyspace)?.tables.get(change.table.name);
    return table?.facts.tree === change.table.facts.tree ? { ...change, table } : undefined;
  }

  /** Hands over what nodes that can see each other again have kept. */
  async deliverHints(): Promise<void> {
    const waits: Promise<void>[] = [];
    for (const from of this.nodes) {
      if (!from.isUp || from.isPaused) continue;
      for (const [index, list] of from.hints) {
        const to = this.nodes[index]!;
        if (!to.seenBy(from) || to.isPaused) continue;
        from.hints.delete(index);
        const { replica } = to;
        const done = replica.store.write(() => {
          for (const { change, at } of list) {
            const current = this.#asItIs(change);
            if (current !== undefined) replica.apply(current, at);
          }
        });
        if (done instanceof Promise) waits.push(done);
      }
    }
    await Promise.all(waits);
  }

  /** Makes all replicas have what any of them has. */
  async repair(tables: Iterable<Table>): Promise<void> {
    for (const table of tables) {
      if (table.isVirtual) continue;
      for (const { from, to } of this.#segments("", endOfRing)) {
        const replicas = this.replicas(table.keyspace, from)
          .filter((node) => node.isUp && !node.isCutOff && !node.isPaused)
          .map((node) => node.replica);
        if (replicas.length < 2) continue;
        const reader = new MergedReader(table, replicas, this.#now());
        const cursor = reader.scan(from, to);
        while (cursor.next());
        await reader.finish();
      }
    }
  }

  /** Increments of counters: one replica adds them up, the others get what came of it. */
  writeCounters(coordinator: Node, changes: readonly PartitionChange[], level: number): void | Promise<void> {
    const now = this.#now();
    const waits: Promise<void>[] = [];
    for (const change of changes) {
      const { table, prefix } = change;
      const replicas = this.replicas(table.keyspace, prefix);
      const required = blockFor(level, this.replicationFactor(table.keyspace));
      const alive = replicas.filter((node) => node.seenBy(coordinator));
      if (alive.length < required) throw unavailable(level, required, alive.length);
      const prompt = alive.filter((node) => node.isPrompt);
      const leader = prompt.find((node) => node === coordinator) ?? prompt[0] ?? alive[0]!;
      const lead = (what: PartitionChange): void | Promise<void> => {
        const { replica } = leader;
        let settled: PartitionChange | undefined;
        const done = replica.store.write(() => {
          settled = countUp(replica, what, leader.index);
          replica.apply(settled, now);
        });
        const others = replicas.filter((node) => node !== leader);
        const share = (): Promise<void> | undefined =>
          this.#send(coordinator, settled!, others, required - 1, level, "COUNTER", now);
        if (done instanceof Promise) return done.then(share);
        return share();
      };
      if (leader.isPrompt) {
        const done = lead(change);
        if (done instanceof Promise) waits.push(done);
      } else
        waits.push(
          new Promise((resolve, reject) => {
            const timer = setTimeout(
              () => reject(writeTimeout(level, 0, required, "COUNTER")),
              this.options.writeTimeoutMs,
            );
            setTimeout(
              () =>
                leader.whenResumed(() => {
                  const current = this.#asItIs(change);
                  if (current === undefined) return;
                  clearTimeout(timer);
                  Promise.resolve(lead(current)).then(() => resolve(), reject);
                }),
              leader.slowMs,
            );
          }),
        );
    }
    if (waits.length === 0) return;
    return Promise.all(waits).then(() => {});
  }

  /**
   * A conditional write: `decide` reads the partition as a majority of its replicas has it, and gives the changes; nobody
   * else's conditional write comes between.
   */
  compareAndSet<T>(
    coordinator: Node,
    table: Table,
    prefix: string,
    serialLevel: number,
    level: number,
    decide: (reader: Reader) => { readonly changes: readonly PartitionChange[]; readonly result: T },
  ): T | Promise<T> {
    const now = this.#now();
    const factor = this.replicationFactor(table.keyspace);
    const quorum = Math.floor(factor / 2) + 1;
    const replicas = this.replicas(table.keyspace, prefix);
    const alive = replicas.filter((node) => node.seenBy(coordinator));
    if (alive.length < quorum) throw unavailable(serialLevel, quorum, alive.length);
    const [only] = this.nodes;
    if (this.nodes.length === 1 && only!.isPrompt) {
      const { replica } = only!;
      // One unit: the row cannot change between the look and the write.
      return replica.store.write(() => {
        const { changes, result } = decide(new LocalReader(replica, table));
        for (const change of changes) replica.apply(change, now);
        return result;
      });
    }
    const answering = alive.filter((node) => !node.isPaused).sort((a, b) => a.slowMs - b.slowMs);
    const { writeTimeoutMs } = this.options;
    const chosen = answering.slice(0, quorum);
    const wait = Math.max(0, ...chosen.map((node) => node.slowMs));
    if (chosen.length < quorum || wait >= writeTimeoutMs)
      return new Promise((_, reject) => {
        setTimeout(() => reject(writeTimeout(serialLevel, chosen.length, quorum, "CAS")), writeTimeoutMs);
      });
    const run = (): T | Promise<T> => {
      const reader = new MergedReader(
        table,
        chosen.map((node) => node.replica),
        now,
      );
      const { changes, result } = decide(reader);
      const finished = reader.finish();
      const written = changes.length === 0 ? undefined : this.write(coordinator, changes, level, "CAS");
      if (finished instanceof Promise || written instanceof Promise)
        return Promise.all([finished, written]).then(() => result);
      return result;
    };
    if (wait === 0 && !this.isDurable) return run();
    const turn = this.#last.then(() => new Promise((resolve) => setTimeout(resolve, wait))).then(run);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

function cost(node: Node, coordinator: Node): number {
  if (node.isPaused) return Number.POSITIVE_INFINITY;
  return node.slowMs * 2 + (node === coordinator ? 0 : 1);
}

/** Increments as what the counters are afterwards. */
function countUp(replica: Replica, change: PartitionChange, leader: number): PartitionChange {
  const { table, prefix } = change;
  const settle = (row: Row, bytes: Buffer | undefined, clusteringCount: number): Row => {
    const before = bytes === undefined ? undefined : decodeRow(bytes, clusteringCount);
    const cells: Row["cells"] = new Map();
    for (const [id, cell] of row.cells) {
      const old = before?.cells.get(id);
      const parts = old === undefined || isParts(old) ? undefined : old.value;
      if (isParts(cell) || cell.value === null) {
        cells.set(id, cell);
        continue;
      }
      // Once deleted, a counter stays so.
      if (parts === null) continue;
      cells.set(id, { ...cell, value: incremented(parts, leader, cell.value.readBigInt64BE(0)) });
    }
    return { ...row, cells };
  };
  return {
    ...change,
    ...(change.staticRow === undefined
      ? {}
      : { staticRow: settle(change.staticRow, replica.row(table, prefix, undefined), 0) }),
    rows: change.rows.map((each) => ({
      ...each,
      row: settle(each.row, replica.row(table, prefix, each.key), table.clustering.length),
    })),
  };
}
