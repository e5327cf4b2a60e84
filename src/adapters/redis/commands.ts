import { KeyfoldError } from "../../internal/errors.js";
import { bucketEnd, bucketStart } from "../../model/bucket.js";
import { tagText, textEncoder } from "../../plan/redis/encoding.js";
import type { RedisArgument, RedisCommand, RedisRequestValue } from "../../plan/redis/types.js";
import { isSlot, type Slot } from "../../plan/template.js";
import type { RequestInput } from "../port/template.js";

/** Makes the arguments of a command for one call. */
export type MakeArgs = (input: RequestInput) => string[];
/** Undefined: an optional value that is not given. */
type Source = (input: RequestInput) => string | undefined;

/** Compiles a command's arguments once; `fixed` are the values that the adapter has: prefix and library. */
export function compileArgs(
  command: RedisCommand,
  values: readonly RedisRequestValue[],
  fixed: Readonly<Record<string, string>>,
): MakeArgs {
  const sources = new Map<string, Source>(values.map((value) => [value.name, compileSource(value)]));
  for (const [name, value] of Object.entries(fixed)) sources.set(name, () => value);
  const sourceOf = ({ $slot }: Slot): Source => {
    const source = sources.get($slot);
    if (source === undefined) throw new Error(`the plan has no value for slot ${$slot}`);
    return source;
  };
  const args = command.args.map((argument) => compileArgument(argument, sourceOf));
  const filter = command.filter?.map(({ v, ...one }) => ({ one, value: sourceOf(v) }));
  return (input) => {
    const made = args.map((argument) => argument(input));
    if (filter !== undefined) {
      const given = filter.flatMap(({ one, value }) => {
        const v = value(input);
        return v === undefined ? [] : [{ ...one, v }];
      });
      made.push(given.length === 0 ? "" : JSON.stringify(given));
    }
    return made;
  };
}

function compileArgument(
  { parts, otherwise }: RedisArgument,
  sourceOf: (slot: Slot) => Source,
): (input: RequestInput) => string {
  const sources = parts.map((part) => (isSlot(part) ? sourceOf(part as Slot) : (part as string)));
  return (input) => {
    let text = "";
    for (const source of sources) {
      const part = typeof source === "string" ? source : source(input);
      if (part === undefined) return otherwise ?? "";
      text += part;
    }
    return text;
  };
}

function compileSource({ source, type, form, optional }: RedisRequestValue): Source {
  const encode =
    form === "plain"
      ? String
      : form === "tag"
        ? (value: unknown) => tagText(textEncoder(type)(value))
        : textEncoder(type, form === "reversed");
  const given =
    (make: (value: unknown) => unknown, param: string): Source =>
    ({ params }) => {
      const value = params[param];
      if (value !== undefined) return encode(make(value));
      if (optional) return undefined;
      throw new KeyfoldError("INPUT_INVALID", `The parameter ${param} is missing.`, { fix: `Give ${param} a value.` });
    };
  switch (source.kind) {
    case "param":
      return given((value) => value, source.param);
    case "bucketStart":
      return given((name) => bucketStart(source.unit, name as string), source.param);
    case "bucketEnd":
      return given((name) => bucketEnd(source.unit, name as string), source.param);
    case "after":
      return ({ after }) => String(after?.[source.position] ?? "");
    case "limit":
      return ({ limit }) => String(limit);
    case "constant": {
      const constant = encode(source.value);
      return () => constant;
    }
    case "greatest":
      throw new Error("Redis has no greatest value");
    default:
      return source satisfies never;
  }
}
