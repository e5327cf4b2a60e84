import type { RedisPatternPlan } from "../../plan/redis/types.js";
import type { Explanation, PageCall, PageData, PatternStore, RecordData } from "../port/adapter.js";
import type { RequestInput } from "../port/template.js";
import { compileArgs, type MakeArgs } from "./commands.js";
import type { Requests } from "./requests.js";
import { compileTop, type TopRows } from "./top-rows.js";
import type { StoredEntity } from "./write.js";

interface Asked {
  readonly command: string;
  readonly args: readonly string[];
  readonly reply: unknown;
}

/** One pattern's commands, compiled from its plan. */
export class RedisPatternStore implements PatternStore {
  readonly #requests: Requests;
  readonly #plan: RedisPatternPlan;
  readonly #entity: StoredEntity;
  readonly #first: MakeArgs;
  readonly #next: MakeArgs;
  readonly #top: TopRows | undefined;

  constructor(requests: Requests, plan: RedisPatternPlan, entity: StoredEntity) {
    this.#requests = requests;
    this.#plan = plan;
    this.#entity = entity;
    // What a top's spans are is not one text: they are put in its place.
    const fixed = { prefix: requests.prefix, library: requests.library, spans: "" };
    this.#first = compileArgs(plan.request, plan.values, fixed);
    this.#next = plan.kind === "list" ? compileArgs(plan.next, plan.values, fixed) : this.#first;
    this.#top = plan.kind === "top" ? compileTop(plan) : undefined;
  }

  async page(params: RecordData, call: PageCall): Promise<PageData> {
    return this.#pageOf((await this.#ask(params, call)).reply, call);
  }

  async explain(params: RecordData, call: PageCall): Promise<Explanation> {
    const { command, args, reply } = await this.#ask(params, call);
    const read =
      this.#plan.kind === "top"
        ? (reply as readonly (readonly string[])[]).reduce((sum, hash) => sum + hash.length / 2, 0)
        : (reply as readonly unknown[]).length - (this.#plan.kind === "list" ? 1 : 0);
    const { rows } = this.#plan.kind === "get" ? { rows: reply as unknown[] } : this.#pageOf(reply, call);
    return {
      engine: "redis",
      pattern: this.#plan.pattern,
      request: [command, ...args],
      index: this.#plan.index ?? "key",
      keysExamined: read,
      documentsExamined: this.#plan.kind === "top" ? 0 : read,
      rows: rows.filter((row) => row !== null).length,
      raw: reply,
    };
  }

  #pageOf(reply: unknown, call: PageCall): PageData {
    if (this.#top !== undefined) return this.#top.page(reply as string[][], call.limit, call.after);
    const [end, ...texts] = reply as [string | null, ...string[]];
    const { codec } = this.#entity;
    return { rows: texts.map((text) => codec.decode(text).record), next: end === null ? undefined : [end] };
  }

  async #ask(params: RecordData, call: PageCall): Promise<Asked> {
    using deadline = this.#requests.deadline(call);
    const input: RequestInput = { params, after: call.after, limit: call.limit };
    const args = call.after === undefined ? this.#first(input) : this.#next(input);
    const { command } = this.#plan.request;
    const key = this.#plan.kind === "get" ? args[0]! : args[2]!;
    if (this.#top !== undefined) {
      const spans = this.#top.spans(params);
      args.splice(-1, 1, ...spans.flatMap(({ level, min, max }) => [level, min, max]));
      if (spans.length === 0) return { command, args, reply: [] };
    }
    const base = key.slice(0, key.indexOf("}") + 1);
    return { command, args, reply: await this.#requests.read(base, command, args, key, call, deadline) };
  }
}
