import { type Issue, KeyfoldError } from "../internal/errors.js";

/** Collects a model's mistakes, so that all of them are reported at once. */
export class Issues {
  readonly list: Issue[] = [];

  add(code: string, path: readonly (string | number)[], message: string, fix: string): void {
    this.list.push({ code, path, message, fix });
  }

  /** Throws `MODEL_INVALID` with everything collected; nothing when there is nothing. */
  throwIfAny(): void {
    if (this.list.length === 0) return;
    const lines = this.list.map((issue) => `  ${issue.path.join(".")}: ${issue.message}. ${issue.fix} [${issue.code}]`);
    const count = this.list.length === 1 ? "a mistake" : `${this.list.length} mistakes`;
    throw new KeyfoldError("MODEL_INVALID", `The model has ${count}:\n${lines.join("\n")}`, {
      fix: "Correct what is listed; all mistakes that can be seen are in the list.",
      issues: this.list,
    });
  }
}

/** "\"a\", \"b\"": names for a message. */
export function quoted(names: Iterable<string>): string {
  return [...names].map((name) => JSON.stringify(name)).join(", ");
}
