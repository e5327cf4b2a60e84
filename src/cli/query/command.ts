/** What `keyfold query` does. */

import { connect } from "../../client/connect.js";
import type { Consistency } from "../../model/consistency.js";
import type { EntityData, ModelData, PatternData } from "../../model/description.js";
import { EXIT_OK, UsageError } from "../errors.js";
import { loadModelFile } from "../model-file.js";
import { toJsonLine } from "../output/json.js";
import { cellText, layoutOf, type TableLayout, tableLine } from "../output/table.js";
import { note, painter, print } from "../output/terminal.js";
import { openTarget } from "../target.js";
import { patternOf, readParams } from "./params.js";

export interface QueryOptions {
  readonly at: string;
  readonly engine?: string;
  readonly limit?: number;
  readonly consistency?: Consistency;
  readonly maxStalenessMs?: number;
  readonly explain?: boolean;
  readonly json?: boolean;
}

/** A pattern of a client whose types are known only at run time. */
export interface AnyPatternClient {
  (params: object, options?: object): Promise<unknown>;
  each(params: object, options?: object): AsyncIterableIterator<Record<string, unknown>>;
  explain(params: object, options?: object): Promise<unknown>;
}

/** Rows that are fetched in one request, where the person did not say fewer. */
const PAGE_ROWS = 1_000;
/** Rows over which a table's columns are fitted. */
const FITTED_ROWS = 200;

/** Runs the command; gives its exit code. */
export async function runQuery(
  modelPath: string,
  name: string,
  words: readonly string[],
  options: QueryOptions,
): Promise<number> {
  const model = await loadModelFile(modelPath);
  const pattern = patternOf(model.data, name);
  const params = readParams(model.data, pattern, words);
  if (options.maxStalenessMs !== undefined && options.consistency !== "bounded") {
    throw new UsageError("--max-staleness-ms goes with --consistency bounded");
  }
  const target = await openTarget(options.at, options.engine, "--at");
  try {
    if (!Object.hasOwn(target.adapter.capability.serves, pattern.kind)) {
      throw new UsageError(
        `${target.engine} cannot serve ${name}, which is a ${pattern.kind} pattern`,
        `keyfold plan ${modelPath} --engine ${target.engine} lists what it can serve.`,
      );
    }
    const client = connect(model.model, target.adapter);
    const ask = (client as unknown as Record<string, AnyPatternClient>)[name] as AnyPatternClient;
    const read = {
      ...(options.consistency === undefined ? {} : { consistency: options.consistency }),
      ...(options.maxStalenessMs === undefined ? {} : { maxStalenessMs: options.maxStalenessMs }),
    };
    if (options.explain) {
      await explain(ask, pattern, params, read, options);
    } else if (pattern.kind === "get" || pattern.kind === "rank") {
      const record = (await ask(params, read)) as Record<string, unknown> | undefined;
      await printRecord(record, model.data, pattern, options.json === true);
    } else {
      const limit = Math.min(options.limit ?? PAGE_ROWS, PAGE_ROWS);
      await printRows(
        take(ask.each(params, { ...read, limit }), options.limit),
        model.data,
        pattern,
        options.json === true,
      );
    }
    await client.$close();
  } finally {
    await target.close();
  }
  return EXIT_OK;
}

async function* take<T>(rows: AsyncIterable<T>, limit: number | undefined): AsyncGenerator<T> {
  let left = limit ?? Number.POSITIVE_INFINITY;
  for await (const row of rows) {
    yield row;
    left -= 1;
    if (left <= 0) return;
  }
}

async function explain(
  ask: AnyPatternClient,
  pattern: PatternData,
  params: object,
  read: object,
  options: QueryOptions,
): Promise<void> {
  const limit =
    pattern.kind === "get" || pattern.kind === "rank" || options.limit === undefined ? {} : { limit: options.limit };
  const told = (await ask.explain(params, { ...read, ...limit })) as Record<string, unknown>;
  if (options.json) {
    await print(`${toJsonLine(told)}\n`);
    return;
  }
  const { request, raw: _raw, ...facts } = told;
  const lines = Object.entries(facts).map(([fact, value]) => `${fact.padEnd(18)}  ${cellText(value)}`);
  await print(`${lines.join("\n")}\nrequest\n${JSON.stringify(request, null, 2)}\n`);
}

/** Names of a row's members, in the order in which they are shown. */
export function columnsOf(model: ModelData, pattern: PatternData): string[] {
  if (pattern.kind === "together") return ["entity", "record"];
  if (pattern.kind === "rank") return ["rank", "of", "record"];
  if (pattern.kind === "top") return [pattern.by, ...(pattern.sum === undefined ? [] : [pattern.sum]), "count"];
  if (
    (pattern.kind === "get" || pattern.kind === "list" || pattern.kind === "listByKey") &&
    pattern.select !== undefined
  ) {
    return [...pattern.select];
  }
  return Object.keys((model.entities[pattern.entity] as EntityData).fields);
}

/** A record's members in the model's order, absent ones left out. */
function ordered(record: Readonly<Record<string, unknown>>, columns: readonly string[]): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const column of columns) if (record[column] !== undefined) result[column] = record[column];
  for (const [name, value] of Object.entries(record)) if (!(name in result)) result[name] = value;
  return result;
}

async function printRecord(
  record: Record<string, unknown> | undefined,
  model: ModelData,
  pattern: PatternData,
  json: boolean,
): Promise<void> {
  if (record === undefined) {
    note("there is no such record");
    return;
  }
  const columns = columnsOf(model, pattern);
  if (json) {
    await print(`${toJsonLine(ordered(record, columns))}\n`);
    return;
  }
  const paint = painter(process.stdout);
  const width = Math.max(...columns.map((column) => column.length));
  const lines = columns
    .filter((column) => record[column] !== undefined)
    .map((column) => `${paint("dim", column.padEnd(width))}  ${cellText(record[column])}`);
  await print(`${lines.join("\n")}\n`);
}

async function printRows(
  rows: AsyncIterable<Record<string, unknown>>,
  model: ModelData,
  pattern: PatternData,
  json: boolean,
): Promise<void> {
  const columns = columnsOf(model, pattern);
  const started = performance.now();
  let count = 0;
  if (json) {
    let lines = "";
    for await (const row of rows) {
      lines += `${toJsonLine(ordered(row, columns))}\n`;
      count += 1;
      // Some lines at once: a write for each would be slow, all of them would fill the memory.
      if (lines.length > 65_536) {
        await print(lines);
        lines = "";
      }
    }
    if (lines !== "") await print(lines);
    return;
  }
  const paint = painter(process.stdout);
  let layout: TableLayout | undefined;
  let held: string[][] = [];
  const show = async (): Promise<void> => {
    const first = layout === undefined;
    layout ??= layoutOf(columns, held);
    const lines = held.map((cells) => tableLine(cells, layout as TableLayout));
    if (first) lines.unshift(paint("dim", tableLine(columns, layout)));
    await print(`${lines.join("\n")}\n`);
    held = [];
  };
  for await (const row of rows) {
    held.push(columns.map((column) => cellText(row[column])));
    count += 1;
    if (held.length >= FITTED_ROWS) await show();
  }
  if (held.length > 0) await show();
  note(
    paint(
      "dim",
      `${count.toLocaleString("en")} row${count === 1 ? "" : "s"} in ${Math.round(performance.now() - started)} ms`,
    ),
  );
}
