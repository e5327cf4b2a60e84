import type { Deadline } from "../../internal/deadline.js";
import type { RedisPatternPlan } from "../../plan/redis/types.js";
import type { Explanation, PageCall, PageData, PatternStore, RecordData } from "../port/adapter.js";
import type { RequestInput } from "../port/template.js";
import { compileCodec, type RedisCodec } from "./codec.js";
import { compileArgs, type MakeArgs } from "./commands.js";
import type { Requests } from "./requests.js";
import { RECORDS_PER_CALL } from "./sweep.js";
import { compileTop, type TopRows } from "./top-rows.js";
import type { StoredEntity } from "./write.js";

interface Asked {
  readonly command: string;
  readonly args: readonly string[];
  readonly reply: readonly unknown[];
}

/** Decodes some of a record's members, and those of its key, which errors name it by. */
function decodeSome({ entity }: StoredEntity, wanted: readonly string[]): RedisCodec["decode"] {
  const fields = entity.fields.filter(({ field }) => wanted.includes(field) || entity.key.includes(field));
  return compileCodec({ ...entity, fields }).decode;
}

/** One pattern's commands, compiled from its plan. */
export class RedisPatternStore implements PatternStore {
  readonly #requests: Requests;
  readonly #plan: RedisPatternPlan;
  readonly #first: MakeArgs;
  readonly #next: MakeArgs;
  readonly #top: TopRows | undefined;
  readonly #decode: RedisCodec["decode"];

  constructor(requests: Requests, plan: RedisPatternPlan, entity: StoredEntity) {
    this.#requests = requests;
    this.#plan = plan;
    // What a top's spans are is not one text: they are put in its place.
    const fixed = { prefix: requests.prefix, library: requests.library, spans: "" };
    this.#first = compileArgs(plan.request, plan.values, fixed);
    this.#next = plan.kind === "list" ? compileArgs(plan.next, plan.values, fixed) : this.#first;
    this.#top = plan.kind === "top" ? compileTop(plan) : undefined;
    this.#decode =
      plan.kind === "list" && plan.select !== undefined ? decodeSome(entity, plan.select) : entity.codec.decode;
  }

  async page(params: RecordData, call: PageCall): Promise<PageData> {
    return this.#pageOf((await this.#ask(params, call)).reply, call);
  }

  async explain(params: RecordData, call: PageCall): Promise<Explanation> {
    const { command, args, reply } = await this.#ask(params, call);
    const { keysExamined, documentsExamined } = this.#examined(reply);
    return {
      engine: "redis",
      pattern: this.#plan.pattern,
      request: [command, ...args],
      index: this.#plan.index ?? "key",
      keysExamined,
      documentsExamined,
      rows:
        this.#plan.kind === "get"
          ? reply.filter((text) => text !== null).length
          : this.#pageOf(reply, call).rows.length,
      raw: reply,
    };
  }

  #examined(reply: readonly unknown[]): { readonly keysExamined: number; readonly documentsExamined: number } {
    switch (this.#plan.kind) {
      case "get":
        return { keysExamined: reply.length, documentsExamined: reply.length };
      case "list":
        return { keysExamined: reply.length - 1, documentsExamined: reply.length - 1 };
      case "rank":
        return { keysExamined: reply.length === 0 ? 0 : 1, documentsExamined: reply.length === 0 ? 0 : 1 };
      case "top":
        return {
          keysExamined: (reply as readonly (readonly string[])[]).reduce((sum, hash) => sum + hash.length / 2, 0),
          documentsExamined: 0,
        };
      default:
        return this.#plan satisfies never;
    }
  }

  #pageOf(reply: readonly unknown[], call: PageCall): PageData {
    if (this.#top !== undefined) return this.#top.page(reply as string[][], call.limit, call.after);
    if (this.#plan.kind === "rank") {
      const [rank, of, text] = reply;
      const rows = text === undefined ? [] : [{ rank, of, record: this.#decode(text as string).record }];
      return { rows, next: undefined };
    }
    const [end, ...texts] = reply as [string | null, ...string[]];
    return { rows: texts.map((text) => this.#decode(text).record), next: end === null ? undefined : [end] };
  }

  async #ask(params: RecordData, call: PageCall): Promise<Asked> {
    using deadline = this.#requests.deadline(call);
    const input: RequestInput = { params, after: call.after, limit: call.limit };
    const args = call.after === undefined ? this.#first(input) : this.#next(input);
    const { command } = this.#plan.request;
    const key = command === "MGET" ? args[0]! : args[2]!;
    if (this.#top !== undefined) {
      const spans = this.#top.spans(params);
      args.splice(-1, 1, ...spans.flatMap(({ level, min, max }) => [level, min, max]));
      if (spans.length === 0) return { command, args, reply: [] };
    }
    const base = key.slice(0, key.indexOf("}") + 1);
    const read = async () =>
      (await this.#requests.read(base, command, args, key, call, deadline)) as readonly unknown[];
    const reply =
      this.#plan.kind === "rank" ? await this.#counted(read, base, args, key, call, deadline) : await read();
    return { command, args, reply };
  }

  /**
   * A place is counted among records that have not ended. Where the answer says that others are still there, it is asked
   * of the primary, which removes them first: so many in a call, thus again while more are left from before. What ends
   * meanwhile is no reason to ask again. An eventual read may be answered with what a replica has not removed yet.
   */
  async #counted(
    read: () => Promise<readonly unknown[]>,
    base: string,
    args: readonly string[],
    key: string,
    call: PageCall,
    deadline: Deadline,
  ): Promise<readonly unknown[]> {
    const [ended, ...first] = await read();
    if (Number(ended) === 0) return first;
    const [, ...rest] = args;
    const sweeping = [`${this.#requests.library}_swept_rank`, ...rest, String(RECORDS_PER_CALL)];
    for (;;) {
      try {
        const [more, ...reply] = (await this.#requests.read(
          base,
          "FCALL",
          sweeping,
          key,
          call,
          deadline,
        )) as readonly unknown[];
        if (Number(more) === 0) return reply;
      } catch (error) {
        if (call.consistency === "eventual") return first;
        throw error;
      }
    }
  }
}
