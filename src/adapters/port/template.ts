import { KeyfoldError } from "../../internal/errors.js";
import { bucketEnd, bucketStart } from "../../model/bucket.js";
import type { Field } from "../../model/field.js";
import { isSlot, type RequestValue, type Template } from "../../plan/template.js";
import type { Position, RecordData } from "./adapter.js";

/** What a call gives a request. */
export interface RequestInput {
  readonly params: RecordData;
  readonly after?: Position | undefined;
  readonly limit: number;
}

/** How one engine writes values. */
export interface TemplateCodec {
  /** Compiles the encoder of a field's values. */
  encoder(field: Field): (value: unknown) => unknown;
  /** What is greater than any other value, where the engine has it. */
  readonly greatest?: unknown;
}

/** Fills a template for one call. */
export type Fill = (input: RequestInput) => unknown;

/** Left out of the object that would hold it. */
const ABSENT = Symbol("absent");

/** Compiles a template once; parts without slots are shared by all requests. */
export function compileTemplate(template: Template, values: readonly RequestValue[], codec: TemplateCodec): Fill {
  const sources = new Map(values.map((value) => [value.name, compileSource(value, codec)]));
  const node = compileNode(template, sources);
  if (typeof node !== "function") return () => node;
  return (input) => {
    const filled = (node as Fill)(input);
    return filled === ABSENT ? {} : filled;
  };
}

function compileNode(template: Template, sources: ReadonlyMap<string, Fill>): unknown {
  if (typeof template !== "object" || template === null) return template;
  if (isSlot(template)) {
    const source = sources.get(template.$slot);
    if (source === undefined) throw new Error(`the plan has no value for slot ${template.$slot}`);
    return source;
  }
  if (Array.isArray(template)) {
    const items = (template as readonly Template[]).map((item) => compileNode(item, sources));
    if (!items.some((item) => typeof item === "function")) return items;
    return ((input) => {
      const filled: unknown[] = [];
      for (const item of items) {
        const value = typeof item === "function" ? (item as Fill)(input) : item;
        if (value !== ABSENT) filled.push(value);
      }
      return filled;
    }) satisfies Fill;
  }
  const names = Object.keys(template);
  const members = names.map((name) => compileNode((template as { readonly [key: string]: Template })[name]!, sources));
  if (!members.some((member) => typeof member === "function")) {
    return Object.fromEntries(names.map((name, i) => [name, members[i]]));
  }
  return ((input) => {
    const object: Record<string, unknown> = {};
    let filled = 0;
    for (let i = 0; i < names.length; i++) {
      const member = members[i];
      const value = typeof member === "function" ? (member as Fill)(input) : member;
      if (value === ABSENT) continue;
      object[names[i]!] = value;
      filled++;
    }
    return filled === 0 ? ABSENT : object;
  }) satisfies Fill;
}

function compileSource(value: RequestValue, codec: TemplateCodec): Fill {
  const absent = (param: string): unknown => {
    if (value.otherwise === "greatest") return codec.greatest;
    if (value.optional) return ABSENT;
    throw new KeyfoldError("INPUT_INVALID", `The parameter ${param} is missing.`, { fix: `Give ${param} a value.` });
  };
  const encode = codec.encoder({ ...value.type, nullable: true });
  const { source } = value;
  switch (source.kind) {
    case "param":
      return ({ params }) => {
        const given = params[source.param];
        return given === undefined ? absent(source.param) : encode(given);
      };
    case "bucketStart":
      return ({ params }) => {
        const name = params[source.param];
        return name === undefined ? absent(source.param) : bucketStart(source.unit, name as string);
      };
    case "bucketEnd":
      return ({ params }) => {
        const name = params[source.param];
        return name === undefined ? absent(source.param) : bucketEnd(source.unit, name as string);
      };
    case "after":
      return ({ after }) => {
        const at = after?.[source.position];
        return at === undefined ? null : encode(at);
      };
    case "greatest":
      return () => codec.greatest;
    case "limit":
      return ({ limit }) => limit;
    case "constant": {
      const constant =
        Array.isArray(source.value) && value.type.kind !== "array" && value.type.kind !== "json"
          ? source.value.map(encode)
          : encode(source.value);
      return () => constant;
    }
    default:
      return source satisfies never;
  }
}
