import { type Client, connect } from "keyfold";
import type { MongoDB } from "keyfold/mongodb";
import { mongodb, open } from "keyfold/mongodb";
import { expect } from "vitest";
import model from "../../examples/online-retail/model.js";
import { keyfold, MODEL, start } from "../cli/keyfold.js";

/** The example's client. */
export interface Shop extends Client<typeof model, MongoDB> {}

/** A shop whose lines were loaded by the program, from a file, into a database of its own. */
export interface LoadedShop extends AsyncDisposable {
  readonly shop: Shop;
  /** The line with which the load ended. */
  readonly counts: {
    readonly read: number;
    readonly inserted: number;
    readonly present: number;
    readonly rejected: number;
  };
  readonly loadMs: number;
}

/**
 * The main job, as a person does it: an engine, `keyfold apply`, `keyfold load`. The engine is the embedded one in a
 * process of its own, or the server that `KEYFOLD_TEST_MONGODB_URL` names.
 */
export async function loadedShop(file: string): Promise<LoadedShop> {
  const given = process.env["KEYFOLD_TEST_MONGODB_URL"];
  const dev = given === undefined ? start(["dev", "--only", "mongodb", "--any-port", "--json"]) : undefined;
  const url = new URL(
    given ?? (JSON.parse(await (dev as NonNullable<typeof dev>).line()) as { mongodb: string }).mongodb,
  );
  url.pathname = `/main_job_${process.pid}_${Date.now().toString(36)}`;
  const applied = await keyfold(["apply", MODEL, "--to", url.href]);
  expect(applied.code, applied.stderr).toBe(0);
  const from = performance.now();
  const loaded = await keyfold(["load", MODEL, "line", file, "--to", url.href, "--json"]);
  const loadMs = performance.now() - from;
  expect(loaded.code, loaded.stderr).toBe(0);
  const client = open(url.href);
  const shop: Shop = connect(model, mongodb(client.db()));
  return {
    shop,
    counts: JSON.parse(loaded.stdout) as LoadedShop["counts"],
    loadMs,
    async [Symbol.asyncDispose]() {
      await shop.$close();
      if (dev === undefined) await client.db().dropDatabase();
      await client.close();
      dev?.child.kill("SIGTERM");
      await dev?.ended;
    },
  };
}

/** Exact thousandths of a decimal with three digits after the point. */
export function thousandths(decimal: string): bigint {
  expect(decimal).toMatch(/^-?\d+\.\d{3}$/);
  return BigInt(decimal.replace(".", ""));
}

/** "27834.610" as the answers round it: half away from zero, to two digits. */
export function pennies(exact: bigint): string {
  const rounded = (exact < 0n ? -exact + 5n : exact + 5n) / 10n;
  const digits = rounded.toString().padStart(3, "0");
  return `${exact < 0n && rounded !== 0n ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** All rows of a question. */
export async function all<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

/** Days as the patterns name them. */
export function days(first: string, count: number): string[] {
  const start = Date.parse(`${first}T00:00:00Z`);
  return Array.from({ length: count }, (_, at) => new Date(start + at * 86_400_000).toISOString().slice(0, 10));
}

/** The months of the data, each as [from, to). */
export function months(): { name: string; from: string; to: string }[] {
  const first = (at: number): string => new Date(Date.UTC(2010, 11 + at, 1)).toISOString().slice(0, 10);
  return Array.from({ length: 13 }, (_, at) => ({ name: first(at).slice(0, 7), from: first(at), to: first(at + 1) }));
}

/** Adds to a counter. */
export function add<K>(map: Map<K, bigint>, key: K, amount: bigint): void {
  map.set(key, (map.get(key) ?? 0n) + amount);
}
