import { readFileSync } from "node:fs";
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
});
