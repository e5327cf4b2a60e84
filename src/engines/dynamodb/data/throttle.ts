import type { EngineClock } from "../../engine.js";
import { DynamoError } from "../errors.js";
import { hashOf } from "../values/key-encoding.js";
import { tableArn } from "./definition.js";
import type { Table } from "./table.js";

/**
 * Provisioned throughput as tables on AWS have it, so that a hot partition can be seen: what a table or index was given
 * per second with five minutes of burst, and 3,000 read and 1,000 write units a second for each partition.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/troubleshooting-throttling.html
 */

const partitionReads = 3_000;
const partitionWrites = 1_000;
const burstSeconds = 300;

type Kind = "Read" | "Write";

/** Units that refill with the time, up to `most`. */
class Bucket {
  readonly #perSecond: number;
  readonly #most: number;
  #left: number;
  #ms: number;

  constructor(perSecond: number, seconds: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#most = perSecond * seconds;
    // A new table has no burst saved up.
    this.#left = perSecond;
    this.#ms = nowMs;
  }

  /** Whether something is left. What is taken may go below nothing, as the size of a read is known only afterwards. */
  has(nowMs: number): boolean {
    if (nowMs > this.#ms) {
      this.#left = Math.min(this.#most, this.#left + ((nowMs - this.#ms) / 1000) * this.#perSecond);
      this.#ms = nowMs;
    }
    return this.#left > 0;
  }

  take(units: number): void {
    this.#left -= units;
  }
}

/** Where units come from: a partition of a table or index, and all of it. */
interface Source {
  readonly table: Table;
  /** The index's name; undefined for the table. */
  readonly index: string | undefined;
  readonly kind: Kind;
  /** The bytes of the partition key; undefined for a scan. */
  readonly partition: string | undefined;
}

/** Throughput of all tables. */
export class Throttle {
  readonly #clock: EngineClock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: EngineClock) {
    this.#clock = clock;
  }

  #bucket(name: string, perSecond: number, seconds: number): Bucket {
    const key = `${name}/${perSecond}`;
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      // Partitions that nobody asks for are full again, so forgetting them changes nothing.
      if (this.#buckets.size > 100_000) this.#buckets.clear();
      bucket = new Bucket(perSecond, seconds, this.#clock.now());
      this.#buckets.set(key, bucket);
    }
    return bucket;
  }

  #provisioned({ table, index, kind }: Source): Bucket | undefined {
    const { definition } = table;
    const own = index === undefined ? undefined : table.index(index)?.definition;
    // A local index shares what its table has.
    const throughput = own?.global === true ? own.throughput : definition.throughput;
    const onDemand = (own?.global === true ? own.onDemand : definition.onDemand) ?? {};
    const name = `${definition.id}/${own?.global === true ? index : ""}/${kind}`;
    if (definition.billing === "PAY_PER_REQUEST") {
      const most = kind === "Read" ? onDemand.MaxReadRequestUnits : onDemand.MaxWriteRequestUnits;
      return most === undefined || most < 0 ? undefined : this.#bucket(name, most, burstSeconds);
    }
    return this.#bucket(name, kind === "Read" ? throughput.read : throughput.write, burstSeconds);
  }

  #partition(source: Source): Bucket | undefined {
    if (source.partition === undefined) return undefined;
    const { table, index, kind } = source;
    const name = `${table.definition.id}/${index ?? ""}/${kind}/${hashOf(source.partition)}`;
    return this.#bucket(name, kind === "Read" ? partitionReads : partitionWrites, 1);
  }

  /** Throws the error of a table that has nothing left. */
  check(source: Source): void {
    const now = this.#clock.now();
    const partition = this.#partition(source);
    const provisioned = this.#provisioned(source);
    const hot = partition !== undefined && !partition.has(now);
    if (!hot && (provisioned === undefined || provisioned.has(now))) return;
    const { table, index, kind } = source;
    const paid = table.definition.billing === "PAY_PER_REQUEST";
    const global = index !== undefined && table.index(index)?.definition.global === true;
    const where = global ? "Index" : "Table";
    const limit = hot
      ? "KeyRangeThroughputExceeded"
      : paid
        ? "MaxOnDemandThroughputExceeded"
        : "ProvisionedThroughputExceeded";
    const reason = `${where}${kind}${limit}`;
    const resource = `${tableArn(table.definition)}${global ? `/index/${index}` : ""}`;
    const message = paid
      ? "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or index so please try again shortly. If exceptions persist, check if you have a hot key: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"
      : "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.";
    throw new DynamoError(paid ? "ThrottlingException" : "ProvisionedThroughputExceededException", message, {
      [paid ? "throttlingReasons" : "ThrottlingReasons"]: [{ reason, resource }],
    });
  }

  /** Takes units that a request used. */
  take(source: Source, units: number): void {
    this.#partition(source)?.take(units);
    this.#provisioned(source)?.take(units);
  }

  reset(): void {
    this.#buckets.clear();
  }
}
