import type { Fault, RequestInfo } from "../engines/engine.js";
import { KeyfoldError } from "../internal/errors.js";
import { seededRandom } from "./random.js";
import { type EngineName, engineNames } from "./registry.js";

/** Which requests something happens to, what, and how often. Plain data: it also travels to an engine in another process. */
export interface FaultRule {
  /** What happens: `delay`, `close-before`, `close-after`, `partial` (batches of DynamoDB) or `error`. */
  readonly fault: Fault;
  /** Only requests to this engine. Default: any. */
  readonly engine?: EngineName;
  /** Only these commands, by the protocol's names, in any case. Default: any. */
  readonly command?: string | readonly string[];
  /** Only requests to these collections or tables: `shop.line`, or `line` in any database. Default: any. */
  readonly target?: string | readonly string[];
  /** Let this many matching requests pass first. Default 0. */
  readonly skip?: number;
  /** How many requests it happens to before the rule is spent. Default 1. */
  readonly times?: number | "always";
  /** The share of matching requests that it happens to, from 0 to 1. Default 1. */
  readonly probability?: number;
  /** Seed of the choice that `probability` makes. Default 1. */
  readonly seed?: number;
}

interface ActiveRule {
  readonly rule: FaultRule;
  readonly commands: ReadonlySet<string> | undefined;
  readonly targets: readonly string[] | undefined;
  readonly random: () => number;
  seen: number;
  hits: number;
}

/** The faults that are to happen to an engine's requests: the first rule that matches a request and is not spent applies. */
export class FaultTable {
  readonly #rules = new Map<number, ActiveRule>();
  #lastId = 0;

  /** Adds a rule and returns its id. */
  add(rule: FaultRule): number {
    check(rule);
    const id = ++this.#lastId;
    this.#rules.set(id, {
      rule,
      commands: asList(rule.command) && new Set(asList(rule.command)?.map((name) => name.toLowerCase())),
      targets: asList(rule.target),
      random: seededRandom(rule.seed ?? 1),
      seen: 0,
      hits: 0,
    });
    return id;
  }

  remove(id: number): void {
    this.#rules.delete(id);
  }

  /** How many requests the rule has happened to; 0 for one that was removed. */
  hits(id: number): number {
    return this.#rules.get(id)?.hits ?? 0;
  }

  clear(): void {
    this.#rules.clear();
  }

  /** What happens to this request; handed to the engines as their `intercept`. */
  readonly intercept = (request: RequestInfo): Fault | undefined => {
    for (const active of this.#rules.values()) {
      if (!matches(active, request)) continue;
      const { rule } = active;
      const times = rule.times ?? 1;
      if (times !== "always" && active.hits >= times) continue;
      active.seen++;
      if (active.seen <= (rule.skip ?? 0)) continue;
      if (rule.probability !== undefined && active.random() >= rule.probability) continue;
      active.hits++;
      return rule.fault;
    }
    return undefined;
  };
}

function asList(names: string | readonly string[] | undefined): readonly string[] | undefined {
  return typeof names === "string" ? [names] : names;
}

function matches(active: ActiveRule, request: RequestInfo): boolean {
  const { rule, commands, targets } = active;
  if (rule.engine !== undefined && rule.engine !== request.engine) return false;
  if (commands !== undefined && !commands.has(request.command.toLowerCase())) return false;
  if (targets === undefined) return true;
  const { target } = request;
  return target !== undefined && targets.some((name) => target === name || target.endsWith(`.${name}`));
}

const faultKinds = new Set(["delay", "close-before", "close-after", "partial", "error"]);

/** Refuses a rule that would never do anything, in place of a test that passes for that reason. */
function check(rule: FaultRule): void {
  const refuse = (message: string): never => {
    throw new KeyfoldError("INPUT_INVALID", `The fault rule is wrong: ${message}`);
  };
  const { fault, times, skip, probability, engine } = rule;
  if (!faultKinds.has(fault?.kind)) refuse(`fault.kind is one of ${[...faultKinds].join(", ")}.`);
  if (fault.kind === "delay" && !(Number.isFinite(fault.ms) && fault.ms >= 0)) refuse("fault.ms is 0 or more.");
  if (fault.kind === "partial" && !(fault.share > 0 && fault.share <= 1))
    refuse("fault.share is over 0 and at most 1.");
  if (engine !== undefined && !engineNames.includes(engine)) refuse(`there is no engine "${engine}".`);
  if (times !== undefined && times !== "always" && !(Number.isInteger(times) && times > 0))
    refuse('times is a whole number over 0, or "always".');
  if (skip !== undefined && !(Number.isInteger(skip) && skip >= 0)) refuse("skip is a whole number, 0 or more.");
  if (probability !== undefined && !(probability > 0 && probability <= 1))
    refuse("probability is over 0 and at most 1.");
}
