/** `keyfold demo`: a model, a database, real-looking events in, answers out. */

import { existsSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { DesignState } from "../../adapters/port/adapter.js";
import { connect } from "../../client/connect.js";
import { startEngines } from "../../testing/start.js";
import { EXIT_OK, EXIT_WRONG } from "../errors.js";
import { type Input, openInput } from "../load/input.js";
import { type LoadCounts, type LoadTarget, load } from "../load/load.js";
import type { Reject } from "../load/rejects.js";
import { loadModelFile, type ModelFile } from "../model-file.js";
import { startProgress } from "../output/progress.js";
import { painter, print } from "../output/terminal.js";
import { openTarget, type Target } from "../target.js";
import { ask } from "./ask.js";
import { generateLines } from "./generate.js";
import { type DemoResult, duration } from "./result.js";
import { show } from "./show.js";

export interface DemoOptions {
  readonly lines: number;
  readonly seed: number;
  readonly to?: string;
  readonly json?: boolean;
}

/** The model ships with the package: the example is the one source of it. */
const MODEL = fileURLToPath(new URL("../../../examples/online-retail/model.ts", import.meta.url));

/** Runs the demo; gives its exit code. */
export async function demo(file: string | undefined, options: DemoOptions): Promise<number> {
  const begun = performance.now();
  const say = async (text: string): Promise<void> => {
    if (!options.json) await print(text);
  };
  const paint = painter(process.stdout);
  const input = file === undefined ? generated(options) : await openInput(file);
  const source = file ?? `${options.lines.toLocaleString("en")} made-up lines (seed ${options.seed})`;
  await say(`\n  ${paint("bold", "keyfold demo")} ${paint("dim", "·")} invoices of an online shop: ${source}\n\n`);

  const model = await loadModelFile(MODEL);
  const started = performance.now();
  const engines = options.to === undefined ? await startEngines({ mongodb: true, beside: true }) : undefined;
  const url = options.to ?? inDatabase((engines as NonNullable<typeof engines>).mongodb.url, "demo");
  const engineMs = performance.now() - started;
  const step = (name: string, text: string, ms: number): Promise<void> =>
    say(`  ${paint("green", "✓")} ${name.padEnd(7)} ${text} ${paint("dim", `· ${duration(ms)}`)}\n`);
  try {
    const target = await openTarget(url, undefined, "--to");
    try {
      const patterns = Object.keys(model.data.patterns).length;
      await step("model", `${shownPath(MODEL)}, ${patterns} patterns`, started - begun);
      const [shownEngine] = target.shownUrl.split("?");
      await step(
        "engine",
        `${options.to === undefined ? "embedded " : ""}${target.engine} at ${shownEngine}`,
        engineMs,
      );
      const { design, place, applyMs } = await apply(model, target);
      const places = `${design.collections} ${place}${design.collections === 1 ? "" : "s"}`;
      await step("apply", design.indexes === 0 ? places : `${places}, ${design.indexes} indexes`, applyMs);

      const client = connect(model.model, target.adapter);
      await client.$ready;
      const rejects: Reject[] = [];
      const loaded = await loadLines(
        client as unknown as Record<string, LoadTarget>,
        model,
        input,
        rejects,
        file === undefined ? options.lines : undefined,
      );
      const { counts, ms } = loaded;
      const rowsPerSecond = Math.round((1_000 * (counts.inserted + counts.present)) / ms);
      await step(
        "load",
        `${paint("bold", counts.inserted.toLocaleString("en"))} lines${counts.present > 0 ? `, ${counts.present.toLocaleString("en")} there already` : ""}${
          counts.rejected > 0 ? `, ${counts.rejected.toLocaleString("en")} rejected` : ""
        }, ${rowsPerSecond.toLocaleString("en")} a second`,
        ms,
      );
      const answers = await ask(client as unknown as Parameters<typeof ask>[0]);
      await client.$close();
      const result: DemoResult = {
        source,
        model: shownPath(MODEL),
        url: target.shownUrl,
        engine: target.engine,
        embedded: options.to === undefined,
        engineMs,
        design,
        applyMs,
        load: { ...counts, ms, rowsPerSecond },
        rejects: rejects.slice(0, 10),
        answers,
        totalMs: performance.now() - begun,
      };
      if (options.json) await print(`${JSON.stringify(result)}\n`);
      else await print(show(result, paint, process.stdout.columns));
      return counts.rejected > 0 ? EXIT_WRONG : EXIT_OK;
    } finally {
      await target.close();
    }
  } finally {
    await engines?.close();
  }
}

/** Applies the plan; `place`: what the engine calls the place of an entity's records. */
async function apply(
  model: ModelFile,
  target: Target,
): Promise<{ readonly design: DemoResult["design"]; readonly place: string; readonly applyMs: number }> {
  const from = performance.now();
  const store = target.adapter.bind(model.data);
  const state: DesignState = await store.apply({});
  await store.close();
  const places = state.items.filter(({ kind }) => kind === "collection" || kind === "table");
  // An index that several patterns wait for is told for each.
  const indexes = state.items.filter(({ kind, state: is }) => kind === "index" && is !== "extra");
  return {
    design: { collections: places.length, indexes: new Set(indexes.map(({ name }) => name)).size },
    place: places[0]?.kind ?? "collection",
    applyMs: performance.now() - from,
  };
}

async function loadLines(
  client: Record<string, LoadTarget>,
  model: ModelFile,
  input: Input,
  rejects: Reject[],
  lines: number | undefined,
): Promise<{ counts: LoadCounts; ms: number }> {
  const progress = await startProgress(
    {
      bar: "  … load    {bar} {percentage}% · {rows} lines · {rate} a second",
      noTotal: "  … load    {rows} lines · {rate} a second",
    },
    lines ?? input.totalBytes,
  );
  const from = performance.now();
  try {
    const counts = await load(client["line"] as LoadTarget, input, {
      entity: model.data.entities["line"]!,
      mapping: model.mappings["line"] ?? {},
      format: "csv",
      rejects: {
        async write(more) {
          rejects.push(...more.slice(0, 10));
        },
        async close() {},
      },
      onProgress: (now) => {
        const done = now.inserted + now.present + now.rejected;
        const rate = Math.round((1_000 * done) / Math.max(1, performance.now() - from));
        progress.update(lines === undefined ? input.bytesRead() : done, {
          rows: done.toLocaleString("en"),
          rate: rate.toLocaleString("en"),
        });
      },
    });
    return { counts, ms: performance.now() - from };
  } finally {
    progress.stop();
  }
}

/** The same server, another database. */
function inDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

function generated(options: DemoOptions): Input {
  async function* chunks(): AsyncGenerator<Buffer> {
    yield* generateLines(options);
  }
  return { chunks: chunks(), totalBytes: undefined, bytesRead: () => 0, close: () => {} };
}

/** A path as a person would write it from here. */
function shownPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.length < path.length && existsSync(short) ? short : path;
}
