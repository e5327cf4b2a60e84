/** What `keyfold apply` does. */

import type { ApplyProgress, DesignItem, DesignState } from "../../adapters/port/adapter.js";
import { EXIT_OK, EXIT_WRONG } from "../errors.js";
import { loadModelFile } from "../model-file.js";
import { note, type Paint, painter, print } from "../output/terminal.js";
import { noteUnserved, unservedOf } from "../plan/command.js";
import { openTarget } from "../target.js";

export interface ApplyOptions {
  readonly to: string;
  readonly engine?: string;
  readonly dryRun?: boolean;
  readonly drop?: boolean;
  readonly sweep?: boolean;
  readonly strict?: boolean;
  readonly json?: boolean;
}

/** Runs the command; gives its exit code. */
export async function runApply(modelPath: string, options: ApplyOptions): Promise<number> {
  const { data } = await loadModelFile(modelPath);
  const target = await openTarget(options.to, options.engine, "--to");
  try {
    const store = target.adapter.bind(data);
    const unserved = unservedOf(store.plan);
    if (unserved.length > 0) noteUnserved(unserved, options.strict === true);
    if (options.strict && unserved.length > 0) return EXIT_WRONG;
    const steps = stepLine(process.stderr);
    let state: DesignState;
    try {
      state = await store.apply({
        dryRun: options.dryRun === true,
        drop: options.drop === true,
        sweep: options.sweep === true,
        onProgress: steps.show,
      });
    } finally {
      steps.end();
      await store.close();
    }
    await tell(state, target.shownUrl, options);
    const wrong = state.items.some(({ state: item }) => item === "differs");
    return wrong || (!options.dryRun && !state.ready) ? EXIT_WRONG : EXIT_OK;
  } finally {
    await target.close();
  }
}

/** On a terminal, one line that says what is being done; an index build may take long. */
function stepLine(stream: NodeJS.WriteStream): { show: (progress: ApplyProgress) => void; end: () => void } {
  if (!stream.isTTY) return { show() {}, end() {} };
  let shown = false;
  return {
    show({ step, state, done, total }) {
      const share =
        total === undefined || done === undefined || total === 0 ? "" : ` ${Math.floor((100 * done) / total)}%`;
      stream.write(`\r\u001b[K${state === "done" ? "" : `… ${step}${share}`}`);
      shown = true;
    },
    end() {
      if (shown) stream.write("\r\u001b[K");
    },
  };
}

const marks: Readonly<Record<DesignItem["state"], (paint: Paint) => string>> = {
  same: (paint) => paint("dim", "same    "),
  created: (paint) => paint("green", "created "),
  missing: (paint) => paint("yellow", "missing "),
  building: (paint) => paint("yellow", "building"),
  differs: (paint) => paint("red", "differs "),
  extra: (paint) => paint("yellow", "extra   "),
};

async function tell(state: DesignState, url: string, options: ApplyOptions): Promise<void> {
  const created = state.items.filter((item) => item.state === "created").length;
  const differs = state.items.filter((item) => item.state === "differs").length;
  if (differs > 0) {
    note("keyfold: what differs was left alone; --drop makes indexes anew, data is never dropped");
  }
  if (options.json) {
    await print(`${JSON.stringify({ ready: state.ready, created, items: state.items })}\n`);
    return;
  }
  const paint = painter(process.stdout);
  const lines = state.items.map(
    ({ kind, name, state: item, detail }) =>
      `${marks[item](paint)}  ${kind.padEnd(10)}  ${name}${detail === undefined ? "" : paint("dim", `  ${detail}`)}`,
  );
  const missing = state.items.filter((item) => item.state === "missing").length;
  const sum = options.dryRun
    ? `${missing} to create on ${url}; nothing was changed`
    : created > 0
      ? `${created} created on ${url}`
      : `nothing to create on ${url}`;
  await print(`${lines.join("\n")}\n${paint("bold", sum)}\n`);
}
