/** What `keyfold fold` does. */

import { fold } from "../../client/fold.js";
import { EXIT_OK } from "../errors.js";
import { loadModelFile } from "../model-file.js";
import { startProgress } from "../output/progress.js";
import { painter, print } from "../output/terminal.js";
import { openTarget } from "../target.js";

export interface FoldCommandOptions {
  readonly at: string;
  readonly engine?: string;
  readonly json?: boolean;
}

/** Runs the command; gives its exit code. */
export async function runFold(modelPath: string, options: FoldCommandOptions): Promise<number> {
  const { model } = await loadModelFile(modelPath);
  const target = await openTarget(options.at, options.engine, "--at");
  try {
    const progress = await startProgress({ bar: "{bar} {percentage}%", noTotal: "{buckets} buckets" }, undefined);
    let seen = 0;
    const { buckets } = await fold(model, target.adapter, {
      onProgress: () => progress.update(++seen, { buckets: seen.toLocaleString("en") }),
    }).finally(() => progress.stop());
    if (options.json) {
      await print(`${JSON.stringify({ buckets })}\n`);
      return EXIT_OK;
    }
    const paint = painter(process.stdout);
    const count = (state: string): number => buckets.filter((bucket) => bucket.state === state).length;
    const lost = count("lost");
    const facts = [
      paint("green", `${count("folded").toLocaleString("en")} folded`),
      `${count("same").toLocaleString("en")} folded before`,
      `${count("open").toLocaleString("en")} open`,
      ...(lost > 0 ? [paint("yellow", `${lost.toLocaleString("en")} opened by late records`)] : []),
    ];
    await print(
      `${paint("bold", buckets.length.toLocaleString("en"))} buckets on ${target.shownUrl}: ${facts.join(", ")}\n`,
    );
  } finally {
    await target.close();
  }
  return EXIT_OK;
}
