import { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import { designOfLibrary, libraryCode, PROTOCOL, type StoredDesign } from "../../plan/redis/library.js";
import { storedDesign } from "../../plan/redis/plan.js";
import type { RedisPlan } from "../../plan/redis/types.js";
import type { ApplyCall, ApplyProgress, Call, DesignItem, DesignState } from "../port/adapter.js";
import { isServed } from "../port/unserved.js";
import { dropIndexKeys, fillIndexes } from "./fill.js";
import { infoField, type Requests } from "./requests.js";
import { indexesOf, mergeDesigns, type NamedIndex, readyField, withoutDropped } from "./stored-design.js";
import { sweepEntity } from "./sweep.js";

/** One command of apply may take this long where the call names no end. */
const STEP_MS = 60_000;
/** Functions came with this version. */
const OLDEST_MAJOR = 7;

/** What was found on the server. */
interface Found {
  /** What the library on every master was made from; undefined: a master lacks it, or has another one. */
  readonly design: StoredDesign | undefined;
  /** A library of that name that this version of keyfold did not make. */
  readonly foreign: boolean;
  readonly ready: ReadonlySet<string>;
  readonly settings: readonly DesignItem[];
}

/** The library and what it keeps: compared with the plan, loaded, and filled for records that were there before. */
export class RedisDesign {
  readonly #requests: Requests;
  readonly #plan: RedisPlan;
  readonly #planned: StoredDesign;
  readonly #readyKey: string;

  constructor(requests: Requests, plan: RedisPlan) {
    this.#requests = requests;
    this.#plan = plan;
    this.#planned = storedDesign(plan);
    this.#readyKey = `${requests.prefix}:design`;
  }

  async inspect(call: Call): Promise<DesignState> {
    return stateOf(this.#compare(await this.#find(call)));
  }

  async apply(call: ApplyCall): Promise<DesignState> {
    const before = await this.#find(call);
    const items = this.#compare(before);
    if (call.dryRun || !items.filter(blocks).every(({ state }) => state !== "differs")) return stateOf(items);
    const drop = call.drop ?? false;
    const step = async <T>(
      name: string,
      work: (tell: (more: Partial<ApplyProgress>) => void) => Promise<T>,
    ): Promise<T> => {
      call.onProgress?.({ step: name, state: "started" });
      const done = await work((more) => call.onProgress?.({ step: name, state: "running", ...more }));
      call.onProgress?.({ step: name, state: "done" });
      return done;
    };

    let { design } = before;
    if (drop && design !== undefined) {
      const dropped = this.#unplanned(design);
      if (dropped.length > 0) {
        const without = withoutDropped(design, dropped);
        for (const index of dropped) {
          await step(`drop ${index.entity}/${index.name}`, async () => {
            await this.#load(without, call);
            await this.#send("HDEL", [this.#readyKey, readyField(index)], call);
            await dropIndexKeys(this.#requests, without.entities[index.entity]!, index.name, () =>
              this.#deadline(call),
            );
          });
        }
        design = without;
      }
    }
    const merged = mergeDesigns(design, this.#planned, drop);
    if (before.foreign || JSON.stringify(merged) !== JSON.stringify(design)) {
      await step(`library ${this.#requests.library}`, () => this.#load(merged, call));
    }
    const made = await this.#find(call);
    await this.#fill(merged, made.ready, call, step);
    for (const name of Object.keys(this.#planned.entities)) {
      const entity = merged.entities[name]!;
      if (entity.x === undefined) continue;
      await step(`ended records of ${name}`, (tell) =>
        sweepEntity(this.#requests, name, entity, () => this.#deadline(call), tell),
      );
    }
    return stateOf(this.#created(items, await this.#find(call)));
  }

  /** Puts every record into the indexes that are younger than it. Run again, it goes on where it was. */
  async #fill(
    design: StoredDesign,
    ready: ReadonlySet<string>,
    call: ApplyCall,
    step: <T>(name: string, work: (tell: (more: Partial<ApplyProgress>) => void) => Promise<T>) => Promise<T>,
  ): Promise<void> {
    for (const name of Object.keys(this.#planned.entities)) {
      const entity = design.entities[name]!;
      const young = indexesOf(name, entity).filter((index) => !ready.has(readyField(index)));
      if (young.length === 0) continue;
      await step(`contents ${name}`, async (tell) => {
        const taken = await fillIndexes(this.#requests, name, entity, () => this.#deadline(call), tell);
        if (taken.length > 0) throw sharedValue(name, taken);
        await this.#send("HSET", [this.#readyKey, ...young.flatMap((index) => [readyField(index), "ready"])], call);
      });
    }
  }

  #deadline(call: Call): Deadline {
    const left = call.deadlineAt === undefined ? STEP_MS : Math.max(1, call.deadlineAt - Date.now());
    return new Deadline({ deadlineMs: Math.min(left, STEP_MS), signal: call.signal });
  }

  async #send(command: string, args: readonly string[], call: Call): Promise<unknown> {
    using deadline = this.#deadline(call);
    return await this.#requests.send(args[0], command, args, true, deadline, call.signal);
  }

  async #load(design: StoredDesign, call: Call): Promise<void> {
    const code = libraryCode(this.#requests.library, design);
    for (const master of await this.#requests.masters()) {
      using deadline = this.#deadline(call);
      await deadline
        .run(() => master.send(undefined, "FUNCTION", ["LOAD", "REPLACE", code], false))
        .catch((error: unknown) => {
          throw loadError(error);
        });
    }
  }

  async #find(call: Call): Promise<Found> {
    using deadline = this.#deadline(call);
    const { library } = this.#requests;
    const send = (command: string, args: readonly string[]) =>
      this.#requests.send(undefined, command, args, false, deadline, call.signal);
    const server = String(await send("INFO", ["server"]));
    const memory = String(await send("INFO", ["memory"]));
    const settings = this.#settings(server, memory);
    if (settings.some(({ name, state }) => name === "server" && state === "differs")) {
      return { design: undefined, foreign: false, ready: new Set(), settings };
    }
    const codes: (string | undefined)[] = [];
    for (const master of await this.#requests.masters()) {
      const reply = await deadline.run(() =>
        master.cluster || master === this.#requests.link
          ? send("FUNCTION", ["LIST", "LIBRARYNAME", library, "WITHCODE"])
          : master.send(undefined, "FUNCTION", ["LIST", "LIBRARYNAME", library, "WITHCODE"], false),
      );
      codes.push(memberOf((reply as readonly unknown[])[0], "library_code"));
    }
    const [first] = codes;
    const same = first !== undefined && codes.every((code) => code === first);
    const read = same ? designOfLibrary(first) : undefined;
    const ready = (await this.#requests.send(
      this.#readyKey,
      "HKEYS",
      [this.#readyKey],
      false,
      deadline,
      call.signal,
    )) as readonly string[] | Set<string>;
    return { design: read?.design, foreign: same && read?.protocol !== PROTOCOL, ready: new Set(ready), settings };
  }

  /** Only what is wrong: a server that is too old, or that throws keys away which indexes and sums rest on. */
  #settings(server: string, memory: string): DesignItem[] {
    const items: DesignItem[] = [];
    const version = infoField(server, "valkey_version") ?? infoField(server, "redis_version") ?? "";
    if (Number(version.split(".")[0]) < OLDEST_MAJOR) {
      items.push({
        kind: "setting",
        name: "server",
        state: "differs",
        detail: `Version ${version} has no functions: Redis 7.0, Valkey 7.2 or later is needed.`,
      });
    }
    const policy = infoField(memory, "maxmemory_policy") ?? "";
    const indexed = Object.values(this.#planned.entities).some((entity) => indexesOf("", entity).length > 0);
    if (indexed && infoField(memory, "maxmemory") !== "0" && policy.startsWith("allkeys")) {
      items.push({
        kind: "setting",
        name: "maxmemory-policy",
        state: "differs",
        detail: `${policy} throws records and indexes away one without the other; it must be noeviction.`,
      });
    }
    return items;
  }

  /** Indexes of the plan's entities that are stored, and not in the plan, or otherwise. */
  #unplanned(design: StoredDesign): readonly NamedIndex[] {
    return Object.entries(this.#planned.entities).flatMap(([name, wanted]) => {
      const there = design.entities[name];
      if (there === undefined) return [];
      const planned = new Set(indexesOf(name, wanted).map(({ definition }) => definition));
      return indexesOf(name, there).filter(({ definition }) => !planned.has(definition));
    });
  }

  #compare({ design, foreign, ready, settings }: Found): DesignItem[] {
    const items: DesignItem[] = [...settings];
    if (foreign) {
      items.push({
        kind: "setting",
        name: `library ${this.#requests.library}`,
        state: "missing",
        detail: "Another version of keyfold made it; apply replaces it.",
      });
    }
    for (const [name, wanted] of Object.entries(this.#planned.entities)) {
      const there = design?.entities[name];
      const placed = there === undefined || samePlace(there, wanted);
      items.push({
        kind: "table",
        name,
        state: there === undefined ? "missing" : placed ? "same" : "differs",
        ...(placed
          ? {}
          : {
              detail: `Its keys are placed by ${placeText(there)}, planned is ${placeText(wanted)}: load the records into another prefix.`,
            }),
      });
      const stored = new Map(there === undefined ? [] : indexesOf(name, there).map((index) => [index.name, index]));
      for (const index of indexesOf(name, wanted)) {
        const found = stored.get(index.name);
        stored.delete(index.name);
        const state =
          found === undefined
            ? "missing"
            : found.definition !== index.definition
              ? "differs"
              : ready.has(readyField(found))
                ? "same"
                : "building";
        const item: DesignItem = {
          kind: "index",
          name: `${name}/${index.name}`,
          state,
          ...(state === "differs" ? { detail: "A field's type changed; apply with drop makes it anew." } : {}),
        };
        const patterns = this.#servedBy(name, index.name);
        // What only lists and sums wait for keeps no write and no other pattern waiting.
        if (patterns.length === 0 || there === undefined) items.push(item);
        else for (const pattern of patterns) items.push({ ...item, pattern });
      }
      for (const index of stored.values()) {
        const ends = there?.x?.n === index.name;
        items.push({
          kind: "index",
          name: `${name}/${index.name}`,
          state: ends ? "differs" : "extra",
          detail: ends
            ? `Records end by "${there.x?.f}", which this model does not say; apply with drop stops that.`
            : "No pattern of this model needs it.",
        });
      }
    }
    return items;
  }

  #servedBy(entity: string, index: string): readonly string[] {
    return Object.values(this.#plan.patterns)
      .filter(isServed)
      .filter((pattern) => pattern.entity === entity && pattern.index === index)
      .map(({ pattern }) => pattern);
  }

  /** The state after apply; what was not there before was created. */
  #created(before: readonly DesignItem[], after: Found): readonly DesignItem[] {
    const known = new Set(before.filter(({ state }) => state === "same" || state === "extra").map(({ name }) => name));
    return this.#compare(after).map((item) =>
      item.state === "same" && !known.has(item.name) ? { ...item, state: "created" } : item,
    );
  }
}

/** Whether apply must not go on: what differs here it cannot make otherwise. */
function blocks({ kind }: DesignItem): boolean {
  return kind === "setting" || kind === "table";
}

interface Placed {
  readonly storedAs: string;
  readonly partition: readonly string[];
}

function samePlace(a: Placed, b: Placed): boolean {
  return placeText(a) === placeText(b);
}

function placeText({ storedAs, partition }: Placed): string {
  return `{${[storedAs, ...partition.map((field) => `<${field}>`)].join(":")}}`;
}

function stateOf(items: readonly DesignItem[]): DesignState {
  return { ready: items.every(({ state }) => state === "same" || state === "created" || state === "extra"), items };
}

/** A member of a reply's map, which RESP2 has as a list of names and values. */
function memberOf(map: unknown, name: string): string | undefined {
  if (map === undefined || map === null) return undefined;
  if (Array.isArray(map)) {
    const at = map.indexOf(name);
    return at === -1 ? undefined : String(map[at + 1]);
  }
  const value = map instanceof Map ? map.get(name) : (map as Record<string, unknown>)[name];
  return value === undefined ? undefined : String(value);
}

function sharedValue(entity: string, taken: readonly string[]): KeyfoldError {
  const [first = ""] = taken;
  const constraint = /\/(unique\([^)]*\)):/.exec(first)?.[1] ?? "unique";
  return new KeyfoldError(
    "CONFLICT",
    `${entity}: ${constraint} cannot be kept: ${taken.length} stored record${taken.length === 1 ? " has a value" : "s have values"} that another one has.`,
    { fix: "Correct the duplicates, then run keyfold apply again.", data: { keys: taken.slice(0, 20) } },
  );
}

function loadError(error: unknown): KeyfoldError {
  if (error instanceof KeyfoldError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const denied = /^NOPERM/.test(message);
  return new KeyfoldError(
    denied ? "UNAUTHORIZED" : "DRIVER_ERROR",
    `The library could not be loaded: ${message}`,
    denied ? { cause: error, fix: "Run apply as a user with the rights of keyfold plan --grants." } : { cause: error },
  );
}
