/** Loads a model file: TypeScript or JavaScript, without a build step. */

import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { createJiti } from "jiti";
import { KeyfoldError } from "../internal/errors.js";
import type { EntityData, ModelData } from "../model/description.js";
import type { MappingData } from "../model/mapping.js";
import type { AnyModel } from "../model/model.js";
import { adapterNames } from "./engines.js";
import { isKeyfoldError, UsageError } from "./errors.js";
import { didYouMean } from "./suggest.js";

/** What a model file exports. */
export interface ModelFile {
  readonly path: string;
  readonly model: AnyModel;
  /** The same, as data. */
  readonly data: ModelData;
  /** Its export `mappings`; empty when it has none. */
  readonly mappings: { readonly [entity: string]: MappingData };
}

const EXTENSIONS = [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"];

/**
 * Loads it. `import … from "keyfold"` in the file means this copy, so that it works from any folder, also where keyfold
 * is installed globally; zod is the file's own where it has one.
 */
export async function loadModelFile(file: string): Promise<ModelFile> {
  const path = resolve(file);
  if (!existsSync(path))
    throw new UsageError(
      `there is no model file ${file}`,
      "The first argument is the path of the file that exports the model.",
    );
  if (statSync(path).isDirectory()) throw new UsageError(`${file} is a folder, and a model file is expected`);
  if (!EXTENSIONS.includes(extname(path))) {
    throw new UsageError(
      `${file} is not a TypeScript or JavaScript file`,
      `A model file ends with ${EXTENSIONS.join(", ")}.`,
    );
  }
  const exported = await importFile(path, file);
  const found = exported["default"] ?? exported["model"];
  if (!isModelOfAnyCopy(found)) {
    throw new KeyfoldError("INPUT_INVALID", `${file} exports no model`, {
      fix: "Its default export must be what defineModel(…) gives: export default defineModel({ … }).",
    });
  }
  const mappings = exported["mappings"] ?? {};
  if (typeof mappings !== "object") {
    throw new KeyfoldError("INPUT_INVALID", `the export mappings of ${file} is not an object`, {
      fix: "Write export const mappings = { entity: { field: source } }.",
    });
  }
  return { path, model: found, data: found as unknown as ModelData, mappings: mappings as ModelFile["mappings"] };
}

async function importFile(path: string, shown: string): Promise<Record<string, unknown>> {
  const jiti = createJiti(path, { alias: ownModules(path), moduleCache: false });
  try {
    return await jiti.import<Record<string, unknown>>(path);
  } catch (error) {
    // The model's own mistakes are told as they are; anything else is a mistake in the file's code.
    if (isKeyfoldError(error)) throw error;
    const { message, where } = placeOf(error, path);
    throw new KeyfoldError("INPUT_INVALID", `${shown} cannot be loaded: ${message}`, {
      cause: error,
      fix: where === undefined ? "Correct the file, or install what it imports." : `See ${shown}:${where}.`,
    });
  }
}

/** keyfold's modules by the names under which a model file imports them, and zod where the file has none of its own. */
function ownModules(path: string): Record<string, string> {
  const file = (name: string): string => {
    const built = fileURLToPath(new URL(name, import.meta.url));
    // Run from the sources (in tests), the modules are TypeScript.
    return existsSync(built) ? built : built.replace(/\.js$/, ".ts");
  };
  return {
    keyfold: file("../index.js"),
    ...Object.fromEntries(adapterNames.map((name) => [`keyfold/${name}`, file(`../adapters/${name}/index.js`)])),
    ...(resolves(path, "zod") ? {} : { zod: fileURLToPath(import.meta.resolve("zod")) }),
  };
}

function resolves(from: string, name: string): boolean {
  try {
    createRequire(from).resolve(name);
    return true;
  } catch {
    return false;
  }
}

function placeOf(error: unknown, path: string): { message: string; where: string | undefined } {
  if (!(error instanceof Error)) return { message: String(error), where: undefined };
  const stack = error.stack ?? "";
  const at = stack.indexOf(`${path}:`);
  const where = at === -1 ? undefined : /^:(\d+(?::\d+)?)/.exec(stack.slice(at + path.length))?.[1];
  const message = (error.message.split("\n")[0] as string).replaceAll(`${path}:`, "").trim();
  return { message, where };
}

/** A model made by this or another copy of keyfold. */
function isModelOfAnyCopy(value: unknown): value is AnyModel {
  return (
    typeof value === "object" &&
    value !== null &&
    "kind" in value &&
    value.kind === "model" &&
    "entities" in value &&
    "patterns" in value
  );
}

/** The entity with this name. */
export function entityOf(file: ModelFile, name: string): EntityData {
  const entity = Object.hasOwn(file.data.entities, name) ? file.data.entities[name] : undefined;
  if (entity === undefined) {
    throw new UsageError(`the model has no entity ${name}`, didYouMean(name, Object.keys(file.data.entities)));
  }
  return entity;
}
