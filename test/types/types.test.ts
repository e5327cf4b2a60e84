import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Compiles files as the project does; `replaced` are read in place of what is on the disk. */
function diagnose(
  names: readonly string[],
  replaced: ReadonlyMap<string, string> = new Map(),
): readonly ts.Diagnostic[] {
  const config = ts.getParsedCommandLineOfConfigFile(
    path("../../tsconfig.json"),
    {},
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
        throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"));
      },
    },
  );
  if (config === undefined) throw new Error("tsconfig.json was not read");
  const host = ts.createCompilerHost(config.options);
  const { readFile } = host;
  host.readFile = (file) => replaced.get(file) ?? readFile.call(host, file);
  const program = ts.createProgram(names.map(path), config.options, host);
  return names.flatMap((name) => ts.getPreEmitDiagnostics(program, program.getSourceFile(path(name))));
}

describe("types", () => {
  it("infer what a call takes and gives", { timeout: 120_000 }, () => {
    const messages = diagnose(["use.ts", "misuse.ts"]).map((one) =>
      ts.flattenDiagnosticMessageText(one.messageText, "\n"),
    );
    expect(messages).toEqual([]);
  });

  it("refuse each misuse with a message that names the mistake", { timeout: 120_000 }, () => {
    const source = readFileSync(path("misuse.ts"), "utf8");
    const cases = [...source.matchAll(/^\/\/ @ts-expect-error (.*?); says: (.*)$/gm)];
    expect(cases.length).toBe((source.match(/@ts-expect-error [a-z]/g) ?? []).length);
    // Without the directives each case is an error of its own; the lines stay where they are.
    const bare = source.replaceAll("// @ts-expect-error", "//");
    const byLine = new Map<number, string>();
    for (const one of diagnose(["misuse.ts"], new Map([[path("misuse.ts"), bare]]))) {
      const line = one.file?.getLineAndCharacterOfPosition(one.start ?? 0).line ?? -1;
      byLine.set(line, `${byLine.get(line) ?? ""}${ts.flattenDiagnosticMessageText(one.messageText, "\n")}\n`);
    }
    const lines = bare.split("\n");
    const silent = cases.flatMap(([, what, says]) => {
      const at = lines.findIndex((text) => text.includes(`// ${what}; says: ${says}`));
      const statement = lines.findIndex((text, line) => line > at && !text.startsWith("//"));
      const message = byLine.get(statement);
      return message?.includes(says ?? "") ? [] : [{ what, says, message }];
    });
    expect(silent).toEqual([]);
  });

  it("fit the examples in the documentation of model and plan", { timeout: 120_000 }, () => {
    const examples = [
      "../../src/model",
      "../../src/plan",
      "../../src/plan/mongodb",
      "../../src/plan/dynamodb",
      "../../src/client",
    ].flatMap(examplesOf);
    expect(examples.length).toBeGreaterThan(15);
    const code = examples.map((example, index) => {
      // A pattern alone is a member of `patterns`; all else is a statement.
      const member = /^\w+: /.test(example);
      const text = example.replace(/^export (default )?/m, "").replace('import("./model.js")', "Promise.resolve({})");
      return `export async function example${index}() {\n${member ? `defineModel({ entities: { line, customer, order }, patterns: {\n${text}\n} });` : text}\n}`;
    });
    const file = path("examples.generated.ts");
    const found = diagnose(["examples.generated.ts"], new Map([[file, `${preamble}\n${code.join("\n")}\n`]]));
    expect(
      found.map(
        (one) =>
          `${ts.flattenDiagnosticMessageText(one.messageText, "\n")} in ${one.file?.text.slice(one.start ?? 0, (one.start ?? 0) + 80)}`,
      ),
    ).toEqual([]);
  });
});

/** What an example may take for granted: the imports, a model, its client. */
const preamble = `import { z } from "zod";
import * as keyfold from "../../src/index.js";
import { apply, bytes, type Client, connect, day, decimal, defineModel, describe, embed, entity, fold, get, hour, isModel, isPlannedEngine, list, type Mapping, month, planFor, renderPlanJson, renderPlanText, rank, search, together, top } from "../../src/index.js";
import { mongodb, type MongoDB } from "../../src/adapters/mongodb/index.js";
import { planMongodb } from "../../src/plan/mongodb/plan.js";
import { planDynamodb } from "../../src/plan/dynamodb/plan.js";
import { dynamodb, open } from "../../src/adapters/dynamodb/index.js";
import type { MongoClient } from "mongodb";
import model, { customer, line, order } from "./model.js";
import { shop } from "./use.js";
declare const client: MongoClient;
const db = client.db("shop");
const record = (await shop.lineBySeq({ seq: 1 }))!;
declare const multiply: (a: unknown, b: unknown) => keyfold.Decimal;
export const all = [fold, together, planDynamodb, dynamodb, open, customer, apply, multiply, keyfold, z, bytes, connect, day, decimal, describe, embed, entity, get, hour, isModel, isPlannedEngine, list, month, planFor, renderPlanJson, renderPlanText, search, top, mongodb, planMongodb, model, db, record];
export type All = [Client<typeof model, MongoDB>, Mapping<typeof line>];`;

/** The code of each `@example` in a folder's files. */
function examplesOf(folder: string): string[] {
  return readdirSync(path(folder))
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .flatMap((name) => {
      const source = readFileSync(path(`${folder}/${name}`), "utf8");
      return [...source.matchAll(/@example\n \* ```ts\n([\s\S]*?) \* ```/g)].map(([, block = ""]) =>
        block.replaceAll(/^ \* ?/gm, "").trim(),
      );
    });
}
