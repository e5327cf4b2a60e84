/** What `keyfold load` does, from its arguments to its last line. */

import { connect } from "../../client/connect.js";
import { KeyfoldError } from "../../internal/errors.js";
import { EXIT_OK, EXIT_WRONG, Exit, UsageError } from "../errors.js";
import { entityOf, loadModelFile } from "../model-file.js";
import { startProgress } from "../output/progress.js";
import { note, painter, print } from "../output/terminal.js";
import { openTarget } from "../target.js";
import { type Input, openInput } from "./input.js";
import { type Format, type LoadCounts, type LoadTarget, load } from "./load.js";
import { defaultRejectsPath, rejectsFile } from "./rejects.js";

export interface LoadCommandOptions {
  readonly to: string;
  readonly engine?: string;
  readonly format?: Format;
  readonly delimiter?: string;
  readonly rejects?: string;
  readonly batch: number;
  readonly inFlight: number;
  readonly json?: boolean;
}

/** Runs the command; gives its exit code. */
export async function runLoad(
  modelPath: string,
  entityName: string,
  file: string,
  options: LoadCommandOptions,
): Promise<number> {
  const delimiter = delimiterOf(options.delimiter, file);
  const model = await loadModelFile(modelPath);
  const entity = entityOf(model, entityName);
  const input = await openInput(file).catch((error: unknown) => {
    // A path that leads nowhere is a wrong argument, not a failed load.
    if (error instanceof KeyfoldError && error.code === "NOT_FOUND") throw new UsageError(error.message, error.fix);
    throw error;
  });
  const { format, chunks } = await formatOf(input, file, options.format);
  const target = await openTarget(options.to, options.engine, "--to");
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  let counts: LoadCounts = { read: 0, inserted: 0, present: 0, rejected: 0 };
  try {
    const client = connect(model.model, target.adapter);
    // A server that is down or a design that is not applied is told before the first line is read.
    await client.$ready;
    const rejectsPath = options.rejects ?? (await defaultRejectsPath(file));
    const rejects = await rejectsFile(rejectsPath);
    const progress = await startProgress(
      {
        bar: "{bar} {percentage}% · {rows} rows · {rate} rows/s · {eta_formatted} left",
        noTotal: "{rows} rows · {rate} rows/s",
      },
      input.totalBytes,
    );
    process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
    const started = performance.now();
    try {
      counts = await load(
        (client as unknown as Record<string, LoadTarget>)[entityName] as LoadTarget,
        { ...input, chunks },
        {
          entity,
          mapping: model.mappings[entityName] ?? {},
          format,
          ...(delimiter === undefined ? {} : { delimiter }),
          rejects,
          batchRecords: options.batch,
          inFlight: options.inFlight,
          signal: interrupt.signal,
          onProgress: (now) => {
            counts = { ...now };
            const seconds = (performance.now() - started) / 1_000;
            progress.update(input.bytesRead(), {
              rows: now.read.toLocaleString("en"),
              rate: Math.round((now.inserted + now.present) / Math.max(seconds, 0.001)).toLocaleString("en"),
            });
          },
        },
      );
    } catch (error) {
      progress.stop();
      note(
        `keyfold: the load stopped; at least ${counts.inserted + counts.present} rows are stored, and the same command goes on`,
      );
      throw error;
    } finally {
      progress.stop();
      await rejects.close();
      process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    }
    await tell(counts, options, rejectsPath, performance.now() - started);
    await client.$close();
  } finally {
    await target.close();
  }
  if (interrupt.signal.aborted) {
    note("keyfold: interrupted; the same command goes on from here");
    throw new Exit(130);
  }
  return counts.rejected > 0 ? EXIT_WRONG : EXIT_OK;
}

async function tell(counts: LoadCounts, options: LoadCommandOptions, rejectsPath: string, ms: number): Promise<void> {
  if (counts.rejected > 0)
    note(`keyfold: ${counts.rejected.toLocaleString("en")} rejected, with reasons in ${rejectsPath}`);
  if (options.json) {
    const { read, inserted, present, rejected } = counts;
    await print(`${JSON.stringify({ read, inserted, present, rejected })}\n`);
    return;
  }
  const paint = painter(process.stdout);
  const number = (value: number): string => value.toLocaleString("en");
  await print(
    `${paint("bold", number(counts.read))} rows read in ${(ms / 1_000).toFixed(1)} s: ${paint("green", `${number(counts.inserted)} inserted`)}, ` +
      `${number(counts.present)} already there, ${counts.rejected > 0 ? paint("red", `${number(counts.rejected)} rejected`) : "0 rejected"}\n`,
  );
}

function delimiterOf(given: string | undefined, file: string): string | undefined {
  if (given === undefined) return /\.tsv(?:\.gz)?$/i.test(file) ? "\t" : undefined;
  const character = given === "\\t" || given === "tab" ? "\t" : given;
  if (character.length !== 1 || character === '"' || character === "\n" || character === "\r") {
    throw new UsageError(
      `--delimiter ${JSON.stringify(given)} is not one character`,
      'Write for example --delimiter ";" or --delimiter tab.',
    );
  }
  return character;
}

/** The form by option, by name, or by the first character: an object begins with a brace. */
async function formatOf(
  input: Input,
  file: string,
  given: Format | undefined,
): Promise<{ format: Format; chunks: AsyncIterable<Buffer> }> {
  if (given !== undefined) return { format: given, chunks: input.chunks };
  if (/\.(?:ndjson|jsonl|json)(?:\.gz)?$/i.test(file)) return { format: "ndjson", chunks: input.chunks };
  if (/\.(?:csv|tsv)(?:\.gz)?$/i.test(file)) return { format: "csv", chunks: input.chunks };
  const source = input.chunks[Symbol.asyncIterator]();
  const first = await source.next();
  const start =
    first.done === true
      ? ""
      : first.value
          .subarray(0, 64)
          .toString("latin1")
          .replace(/^\u00ef\u00bb\u00bf/, "")
          .trimStart();
  async function* all(): AsyncGenerator<Buffer> {
    try {
      if (first.done !== true) yield first.value;
      for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value;
    } finally {
      await source.return?.();
    }
  }
  return { format: start.startsWith("{") ? "ndjson" : "csv", chunks: all() };
}
