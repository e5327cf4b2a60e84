import { type Context, createContext, Script } from "node:vm";
import { bitsFor, costOf, type PatternCost } from "./regex-cost.js";
import { invalid, translatePattern } from "./regex-translate.js";

const maxPatternLength = 32_764;

/** Up to 2^this ways to match are tried without a watch: a second at most. */
const unwatchedBits = 28;

/** Up to this length a text is matched without more thought. */
const shortText = 12;

/** How long one match may take, in milliseconds; in the place of PCRE's limit on the number of matching steps. */
const matchLimitMs = 250;

/**
 * A compiled pattern. PCRE gives up after so many steps; JavaScript's engine backtracks for ever. So a match that could
 * take long by the look of the pattern and the length of the text runs under a watchdog, which costs some 0.1 ms.
 */
export class Pattern {
  readonly #regex: RegExp;
  #cost: PatternCost | undefined;

  constructor(regex: RegExp) {
    this.#regex = regex;
  }

  /** Whether the text matches; undefined when that could not be found out within the limit. */
  test(text: string): boolean | undefined {
    const match = this.exec(text, 0);
    return match === undefined ? undefined : match !== null;
  }

  /** The first match from an index on; null when there is none, undefined when the limit was reached. */
  exec(text: string, from: number): RegExpExecArray | null | undefined {
    const regex = this.#regex;
    regex.lastIndex = from;
    if (text.length > shortText) {
      this.#cost ??= costOf(regex.source, regex.ignoreCase);
      if (bitsFor(this.#cost, text.length) > unwatchedBits) return watched(() => regex.exec(text));
    }
    return regex.exec(text);
  }
}

let watch: { readonly script: Script; readonly context: Context; readonly box: { run: () => unknown } } | undefined;

function watched<T>(run: () => T): T | undefined {
  if (watch === undefined) {
    const box = { run: (): unknown => undefined };
    watch = { script: new Script("box.run()"), context: createContext({ box }), box };
  }
  watch.box.run = run;
  try {
    return watch.script.runInContext(watch.context, { timeout: matchLimitMs }) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return undefined;
    throw error;
  }
}

const cache = new Map<string, Pattern>();

/**
 * Compiles a PCRE pattern.
 *
 * @param options of i, m, s, x, u, in any order
 * @param all whether {@link Pattern.exec} is to begin at the index that it is given and tell the places of groups
 * @throws MongoError 51091 when the pattern is not valid or cannot be translated
 */
export function compilePattern(pattern: string, options: string, all = false): Pattern {
  const key = `${all ? "g" : ""}${options}/${pattern}`;
  const cached = cache.get(key);
  if (cached !== undefined) return cached;
  if (pattern.length > maxPatternLength)
    throw invalid("pattern string is longer than the limit set by the application");
  const { source, ignoreCase } = translatePattern(pattern, options);
  let compiled: Pattern;
  try {
    compiled = new Pattern(new RegExp(source, `${all ? "dg" : ""}u${ignoreCase ? "i" : ""}`));
  } catch (error) {
    throw invalid((error as Error).message.replace(/^Invalid regular expression: /, ""));
  }
  if (cache.size >= 500) cache.clear();
  cache.set(key, compiled);
  return compiled;
}
