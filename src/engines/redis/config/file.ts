import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { KeyfoldError } from "../../../internal/errors.js";
import { splitArguments } from "../protocol/inline.js";
import { Config } from "./config.js";
import { settings } from "./settings.js";

/** What a file of settings says. */
export interface SettingsFile {
  readonly settings: Readonly<Record<string, string>>;
  /** Passwords of users by their names. */
  readonly users: ReadonlyMap<string, string>;
}

/** Settings that a start's options give. */
const given = new Set(["bind", "port", "dir"]);

/**
 * Reads a file of settings in Redis' form: a name and its value on a line, `#` before a remark. One that is not there
 * says nothing.
 *
 * @throws KeyfoldError INPUT_INVALID with the line that is wrong
 * @see https://redis.io/docs/latest/operate/oss_and_stack/management/config/
 */
export function readSettingsFile(path: string): SettingsFile {
  const found: Record<string, string> = {};
  const users = new Map<string, string>();
  if (!existsSync(path)) return { settings: found, users };
  const config = new Config();
  for (const [at, line] of readFileSync(path, "latin1").split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const fail = (reason: string): KeyfoldError =>
      new KeyfoldError("INPUT_INVALID", `${path}, line ${at + 1}: ${reason}.`, {
        fix: "Correct the line, or take it out; CONFIG REWRITE writes the file anew.",
      });
    const words = splitArguments(line);
    if (words === undefined) throw fail("a quote is open");
    const [name = "", ...values] = words;
    if (name.toLowerCase() === "user") {
      const password = values.find((rule) => rule.startsWith(">"));
      if (values[0] === undefined || password === undefined)
        throw fail("a user needs a name and a password (>password)");
      users.set(values[0], password.slice(1));
      continue;
    }
    const setting = Config.find(name);
    if (setting === undefined) throw fail(`there is no setting ${name} here`);
    if (given.has(setting.name)) throw fail(`${name} is given where the engine is started, not here`);
    try {
      found[setting.name] = config.check(setting, values.join(" "));
    } catch (error) {
      throw fail((error as Error).message);
    }
  }
  return { settings: found, users };
}

/** A value as the file has it. */
function quoted(value: string): string {
  if (/^[!#-&(-[\]-~]+( [!#-&(-[\]-~]+)*$/.test(value)) return value;
  let out = "";
  for (const char of value) {
    const code = char.charCodeAt(0);
    if (char === '"' || char === "\\") out += `\\${char}`;
    else if (code < 32 || code > 126) out += `\\x${code.toString(16).padStart(2, "0")}`;
    else out += char;
  }
  return `"${out}"`;
}

/** Writes the settings that are not as they are at first, and the users; the old file is there until the new one is. */
export function writeSettingsFile(
  path: string,
  config: Config,
  users: ReadonlyMap<string, string>,
  secret: string,
): void {
  const lines = ["# Written by CONFIG REWRITE: read at the next start over this folder."];
  for (const setting of settings) {
    const value = config.get(setting);
    if (setting.fixed || value === setting.initial) continue;
    // The password that the start was given is the start's business.
    if (setting.name === "requirepass" && value === secret) continue;
    lines.push(`${setting.name} ${quoted(value)}`);
  }
  for (const [name, password] of users) lines.push(`user ${quoted(name)} on ${quoted(`>${password}`)} ~* &* +@all`);
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, `${lines.join("\n")}\n`, { encoding: "latin1", mode: 0o600, flush: true });
  renameSync(temporary, path);
}
