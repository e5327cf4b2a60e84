import { randomBytes } from "node:crypto";
import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import { BUCKETS_TABLE } from "../../plan/cassandra/own-tables.js";
import { BucketLeases, LEASE_MARGIN_MS } from "../port/bucket-leases.js";
import type { Row } from "./driver.js";
import { levelCodes } from "./levels.js";
import type { Requests, Statement } from "./requests.js";
import { eachRow } from "./select.js";
import { wholeNumber } from "./values.js";

/**
 * The list of a `top`'s buckets. Each has a row that says whether its contributions are folded into sums, and who may add
 * to it until when: a writer takes a lease on a bucket before it writes there, once in minutes and not for each record,
 * and a bucket with a lease is not folded. A lease gives the bucket a new epoch: a fold that meets another epoch at its
 * end than at its beginning is void, and sums of another epoch, or of another fold of this one, are not read. All writes of that row are lightweight
 * transactions, so that they have one order.
 */
export interface ListedBucket {
  readonly bucket: string;
  readonly epoch: string;
  /** The epoch and the fold whose sums stand for the contributions; undefined: none do. */
  readonly folded: string | undefined;
  readonly parts: number;
  readonly leases: Readonly<Record<string, unknown>>;
  /** Sums by part, with the epoch and the fold that they are of. */
  readonly sums: readonly { readonly epoch: string; readonly text: string }[];
}

/** The sums that stand for a bucket's contributions; undefined: none do, or not all of them can be seen. */
export function sumsOf({ folded, epoch, parts, sums }: ListedBucket): readonly string[] | undefined {
  if (folded?.startsWith(`${epoch}/`) !== true) return undefined;
  const own = sums.filter((part) => part.epoch === folded);
  return own.length === parts ? own.map(({ text }) => text) : undefined;
}

/** Row of a bucket's state; its sums follow it. */
const STATE = -1;
/** Partition that lists the stretches of time in which a place has buckets. */
const SPANS = "";

/** The stretch of time whose buckets share a partition: some hundred states, with their sums. */
export function spanOf(bucket: string): string {
  // Hours by day, days by month, months by year.
  return bucket.length === 13 ? bucket.slice(0, 10) : bucket.length === 10 ? bucket.slice(0, 7) : bucket.slice(0, 4);
}

/** Whether somebody may still write to a bucket at a moment. */
export function isLeased({ leases }: ListedBucket, now: number): boolean {
  return Object.values(leases).some((until) => wholeNumber(until) + LEASE_MARGIN_MS > now);
}

/** Statements on the table of buckets. */
export class Buckets {
  readonly #requests: Requests;
  readonly #span: Statement;
  readonly #spans: Statement;
  readonly #list: Statement;
  readonly #open: Statement;
  readonly #create: Statement;
  readonly #giveBack: Statement;
  readonly #put: Statement;
  readonly #fold: Statement;
  readonly #distrust: Statement;
  readonly #drop: Statement;
  readonly #forget: Statement;

  constructor(requests: Requests) {
    this.#requests = requests;
    const table = requests.qualify(BUCKETS_TABLE);
    const statement = (query: string): Statement => ({
      query,
      operation: query.slice(0, query.indexOf(" ")),
      table: BUCKETS_TABLE,
    });
    const state = "place = ? AND span = ? AND bucket = ? AND part = -1";
    this.#span = statement(`INSERT INTO ${table} (place, span, bucket, part) VALUES (?, ?, ?, ${STATE})`);
    this.#spans = statement(`SELECT bucket FROM ${table} WHERE place = ? AND span = ?`);
    this.#list = statement(
      `SELECT bucket, part, epoch, folded, parts, leases, sums FROM ${table} WHERE place = ? AND span = ?`,
    );
    this.#create = statement(
      `INSERT INTO ${table} (place, span, bucket, part, epoch, leases) VALUES (?, ?, ?, ${STATE}, ?, ?) IF NOT EXISTS`,
    );
    this.#open = statement(`UPDATE ${table} SET epoch = ?, folded = null, leases[?] = ? WHERE ${state} IF EXISTS`);
    this.#giveBack = statement(`DELETE leases[?] FROM ${table} WHERE ${state} IF EXISTS`);
    this.#put = statement(`INSERT INTO ${table} (place, span, bucket, part, epoch, sums) VALUES (?, ?, ?, ?, ?, ?)`);
    this.#fold = statement(`UPDATE ${table} SET folded = ?, parts = ?, leases = {} WHERE ${state} IF epoch = ?`);
    this.#distrust = statement(`UPDATE ${table} SET epoch = ?, folded = null WHERE ${state} IF EXISTS`);
    this.#drop = statement(`DELETE FROM ${table} WHERE place = ? AND span = ? AND bucket = ? AND part = ?`);
    this.#forget = statement(`DELETE FROM ${table} WHERE ${state} IF EXISTS`);
  }

  /** Leases of this process. */
  leases(): BucketLeases {
    const lease = randomBytes(6).toString("base64url");
    const spans = new Set<string>();
    const whole = (value: number): unknown => (this.#requests.bigints ? BigInt(value) : value);
    return new BucketLeases({
      clock: this.#requests.clock,
      renew: async ({ place, bucket }, until, deadline) => {
        const span = spanOf(bucket);
        if (!spans.has(`${place}\0${span}`)) {
          await this.#write(this.#span, [place, SPANS, span], deadline);
          spans.add(`${place}\0${span}`);
        }
        const key = [place, span, bucket];
        const epoch = randomBytes(9).toString("base64url");
        // Most buckets are there; the first writer of one makes it.
        if (await this.#transact(this.#open, [epoch, lease, whole(until), ...key], deadline)) return;
        if (await this.#transact(this.#create, [...key, epoch, { [lease]: whole(until) }], deadline)) return;
        if (await this.#transact(this.#open, [epoch, lease, whole(until), ...key], deadline)) return;
        throw new KeyfoldError("UNAVAILABLE", `The bucket ${bucket} of ${place} could not be opened.`);
      },
      giveBack: async ({ place, bucket }, deadline) => {
        await this.#transact(this.#giveBack, [lease, place, spanOf(bucket), bucket], deadline);
      },
    });
  }

  /** Sends a transaction until it is answered; it is harmless when it is done twice. */
  async #transact(statement: Statement, params: readonly unknown[], deadline: Deadline): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      const reply = await this.#requests.transact(statement, params, deadline);
      if (reply.kind === "reply") return reply.result.rows?.[0]?.["[applied]"] === true;
      if (!(await this.#requests.pause(reply.error, attempt, deadline))) throw reply.error;
    }
  }

  async #write(statement: Statement, params: readonly unknown[], deadline: Deadline): Promise<void> {
    const reply = await this.#requests.write(statement, params, this.#requests.nextVersion(), deadline);
    if (reply.kind === "failed") throw reply.error;
  }

  /** The buckets that there are from one to before another, with their states and sums. */
  async list(
    place: string,
    from: string | undefined,
    to: string | undefined,
    level: number,
    deadline: Deadline,
  ): Promise<readonly ListedBucket[]> {
    const spans: string[] = [];
    await this.#rows(this.#spans, [place, SPANS], level, (row) => spans.push(row["bucket"] as string), deadline);
    const wanted = spans
      .filter((span) => (from === undefined || span >= spanOf(from)) && (to === undefined || span <= spanOf(to)))
      .sort();
    const lists = await Promise.all(wanted.map((span) => this.#listSpan(place, span, level, deadline)));
    return lists
      .flat()
      .filter(({ bucket }) => (from === undefined || bucket >= from) && (to === undefined || bucket < to));
  }

  async #listSpan(place: string, span: string, level: number, deadline: Deadline): Promise<readonly ListedBucket[]> {
    const states = new Map<string, Row>();
    const sums = new Map<string, { epoch: string; text: string }[]>();
    await this.#rows(
      this.#list,
      [place, span],
      level,
      (row) => {
        const bucket = row["bucket"] as string;
        if (row["part"] === STATE) states.set(bucket, row);
        else {
          const parts = sums.get(bucket) ?? [];
          sums.set(bucket, parts);
          parts.push({ epoch: row["epoch"] as string, text: row["sums"] as string });
        }
      },
      deadline,
    );
    return [...states].map(([bucket, row]) => ({
      bucket,
      epoch: (row["epoch"] as string | null) ?? "",
      folded: (row["folded"] as string | null) ?? undefined,
      parts: (row["parts"] as number | null) ?? 0,
      leases: (row["leases"] as Record<string, unknown> | null) ?? {},
      sums: sums.get(bucket) ?? [],
    }));
  }

  async #rows(
    statement: Statement,
    params: readonly unknown[],
    level: number,
    each: (row: Row) => void,
    deadline: Deadline,
  ): Promise<void> {
    await eachRow({ statement, params }, level, 1_000, each, this.#requests, deadline);
  }

  /** The state as lightweight transactions have it. */
  async current(place: string, bucket: string, deadline: Deadline): Promise<ListedBucket | undefined> {
    const span = spanOf(bucket);
    const level = levelCodes[this.#requests.levels.serial];
    const found = await this.#listSpan(place, span, level, deadline);
    return found.find((one) => one.bucket === bucket);
  }

  /** Stores the sums of a bucket, and declares them valid if no writer took a lease since; false: one did. */
  async fold(
    place: string,
    { bucket, epoch, sums }: ListedBucket,
    parts: readonly string[],
    deadline: Deadline,
  ): Promise<boolean> {
    const key = [place, spanOf(bucket), bucket];
    // Two folds at once may cut their parts differently: parts of both are no sums.
    const fold = `${epoch}/${randomBytes(6).toString("base64url")}`;
    for (const [part, text] of parts.entries()) await this.#write(this.#put, [...key, part, fold, text], deadline);
    const folded = await this.#transact(this.#fold, [fold, parts.length, ...key, epoch], deadline);
    // Parts of an earlier, longer fold.
    for (let part = parts.length; part < sums.length; part++) await this.#write(this.#drop, [...key, part], deadline);
    return folded;
  }

  /**
   * Makes all sums of a place void, and folds of it that are under way: its contributions are made anew. The buckets stay,
   * and so do the leases of their writers, who would not take them again.
   */
  async distrust(place: string, deadline: Deadline): Promise<void> {
    const level = levelCodes[this.#requests.levels.serial];
    for (const { bucket } of await this.list(place, undefined, undefined, level, deadline)) {
      const epoch = randomBytes(9).toString("base64url");
      await this.#transact(this.#distrust, [epoch, place, spanOf(bucket), bucket], deadline);
    }
  }

  /** Forgets a place's buckets and their sums, which no writer adds to any more. */
  async forget(place: string, deadline: Deadline): Promise<void> {
    const level = levelCodes[this.#requests.levels.serial];
    const spans = new Set<string>();
    for (const { bucket, sums } of await this.list(place, undefined, undefined, level, deadline)) {
      const key = [place, spanOf(bucket), bucket];
      spans.add(spanOf(bucket));
      await this.#transact(this.#forget, key, deadline);
      for (let part = 0; part < sums.length; part++) await this.#write(this.#drop, [...key, part], deadline);
    }
    for (const span of spans) await this.#write(this.#drop, [place, SPANS, span, STATE], deadline);
  }
}
