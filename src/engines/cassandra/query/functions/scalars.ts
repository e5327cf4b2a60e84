/** The functions of values that Cassandra 5 has built in. */
import { invalid } from "../../errors.js";
import { fixedInteger, nativeFacts } from "../../types/native.js";
import { addDuration, maxTimeUuid, minTimeUuid, readDuration, timeUuidMillis } from "../../types/time.js";
import {
  type CqlType,
  ListType,
  MapType,
  NativeType,
  native,
  readParts,
  SetType,
  type Value,
  writeParts,
} from "../../types/type.js";
import { type ScalarFunction, scalar, strict } from "./function.js";
import { convertNumber, foldNumbers, isNumeric } from "./numbers.js";

const t = native;
const dayMs = 86_400_000n;

/** The day of a moment. As in Cassandra, seconds are rounded down and then days towards 1970-01-01. */
function dateBytes(millis: bigint): Buffer {
  const seconds = millis >= 0n ? millis / 1000n : (millis - 999n) / 1000n;
  const days = seconds / (dayMs / 1000n);
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(Number(days) + 0x80000000);
  return bytes;
}

/** Milliseconds of a timestamp, date or timeuuid. */
function millisOf(type: string, bytes: Buffer): bigint {
  if (type === "timestamp") return bytes.readBigInt64BE(0);
  if (type === "date") return BigInt(bytes.readUInt32BE(0) - 0x80000000) * dayMs;
  return timeUuidMillis(bytes);
}

function floorTo(millis: bigint, duration: Buffer, start: bigint): bigint {
  const parts = readDuration(duration);
  if (parts.months < 0n || parts.days < 0n || parts.nanos < 0n)
    throw invalid("Negative durations are not supported by the floor function");
  if (millis < start) throw invalid("The floor function starting time is greater than the provided time");
  if (parts.months === 0n) {
    if (parts.nanos % 1_000_000n !== 0n)
      throw invalid("The floor cannot be computed for the durations with a precision under the millisecond");
    const step = parts.days * dayMs + parts.nanos / 1_000_000n;
    return start + ((millis - start) / step) * step;
  }
  // Months differ in length: multiples are counted from the start.
  let low = 0n;
  let high = 1n;
  const at = (times: bigint) =>
    addDuration(start, { months: parts.months * times, days: parts.days * times, nanos: parts.nanos * times });
  while (at(high) <= millis) high *= 2n;
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (at(middle) <= millis) low = middle;
    else high = middle;
  }
  return at(low);
}

const timeFunctions: ScalarFunction[] = [
  ...["now", "currenttimeuuid", "current_timeuuid"].map((name) =>
    scalar(name, [], t("timeuuid"), (_, run) => run.timeUuid(), false),
  ),
  ...["currenttimestamp", "current_timestamp"].map((name) =>
    scalar(name, [], t("timestamp"), (_, run) => fixedInteger(BigInt(run.nowMs), 8), false),
  ),
  ...["currentdate", "current_date"].map((name) =>
    scalar(name, [], t("date"), (_, run) => dateBytes(BigInt(run.nowMs)), false),
  ),
  ...["currenttime", "current_time"].map((name) =>
    scalar(name, [], t("time"), (_, run) => fixedInteger((BigInt(run.nowMs) % dayMs) * 1_000_000n, 8), false),
  ),
  scalar(
    "uuid",
    [],
    t("uuid"),
    (_, run) => {
      const bytes = Buffer.allocUnsafe(16);
      for (let at = 0; at < 16; at++) bytes[at] = Math.floor(run.random() * 256);
      bytes[6] = (bytes[6]! & 0x0f) | 0x40;
      bytes[8] = (bytes[8]! & 0x3f) | 0x80;
      return bytes;
    },
    false,
  ),
  ...["mintimeuuid", "min_timeuuid"].map((name) =>
    strict(name, [t("timestamp")], t("timeuuid"), ([at]) => minTimeUuid(at!.readBigInt64BE(0))),
  ),
  ...["maxtimeuuid", "max_timeuuid"].map((name) =>
    strict(name, [t("timestamp")], t("timeuuid"), ([at]) => maxTimeUuid(at!.readBigInt64BE(0))),
  ),
  ...["todate", "to_date"].flatMap((name) =>
    ["timeuuid", "timestamp"].map((from) =>
      strict(name, [t(from)], t("date"), ([at]) => dateBytes(millisOf(from, at!))),
    ),
  ),
  ...["totimestamp", "to_timestamp"].flatMap((name) =>
    ["timeuuid", "date"].map((from) =>
      strict(name, [t(from)], t("timestamp"), ([at]) => fixedInteger(millisOf(from, at!), 8)),
    ),
  ),
  ...["tounixtimestamp", "to_unix_timestamp"].flatMap((name) =>
    ["timeuuid", "timestamp", "date"].map((from) =>
      strict(name, [t(from)], t("bigint"), ([at]) => fixedInteger(millisOf(from, at!), 8)),
    ),
  ),
  ...["timestamp", "timeuuid", "date"].flatMap((from) => {
    const result = t(from === "date" ? "date" : "timestamp");
    const write = (millis: bigint) => (from === "date" ? dateBytes(millis) : fixedInteger(millis, 8));
    const start = t(from === "date" ? "date" : "timestamp");
    return [
      strict("floor", [t(from), t("duration")], result, ([at, step]) => write(floorTo(millisOf(from, at!), step!, 0n))),
      strict("floor", [t(from), t("duration"), start], result, ([at, step, begin]) =>
        write(floorTo(millisOf(from, at!), step!, millisOf(start.name, begin!))),
      ),
    ];
  }),
  strict("floor", [t("time"), t("duration")], t("time"), ([at, step]) => {
    const { months, days, nanos } = readDuration(step!);
    if (months !== 0n || days !== 0n)
      throw invalid("For the floor on time values, the duration must have only hours and less");
    const value = at!.readBigInt64BE(0);
    return fixedInteger(value - (value % nanos), 8);
  }),
];

const blobFunctions: ScalarFunction[] = [...nativeFacts.keys()]
  .filter((name) => name !== "blob" && name !== "empty")
  .flatMap((name) => {
    const names = name === "text" ? ["text", "varchar"] : [name];
    return names.flatMap((each) => [
      ...[`${each}asblob`, `${each}_as_blob`].map((fn) => scalar(fn, [t(name)], t("blob"), ([value]) => value!)),
      ...[`blobas${each}`, `blob_as_${each}`].map((fn) =>
        scalar(fn, [t("blob")], t(name), ([value]) => {
          if (value === null) return null;
          try {
            if (value!.length > 0 || nativeFacts.get(name)!.allowsEmpty !== true) t(name).check(value!);
          } catch {
            throw invalid(
              `In call to function system.${fn}, value 0x${value!.toString("hex")} is not a valid binary representation for type ${name}`,
            );
          }
          return value!;
        }),
      ),
    ]);
  });

const byName = new Map<string, ScalarFunction[]>();
for (const fn of [...timeFunctions, ...blobFunctions]) byName.set(fn.name, [...(byName.get(fn.name) ?? []), fn]);

/** The functions with this name and fixed signatures. */
export function scalarFunctions(name: string): readonly ScalarFunction[] {
  return byName.get(name) ?? [];
}

/** What a value of one type becomes as another, for CAST; none where that cannot be. */
export function castFunction(from: CqlType, to: CqlType): ScalarFunction | undefined {
  const name = `castas${to.name}`;
  if (from.equals(to)) return scalar(name, [from], to, ([value]) => value!);
  if (!(from instanceof NativeType) || !(to instanceof NativeType)) return undefined;
  if (isNumeric(from) && isNumeric(to) && to.name !== "counter")
    return strict(name, [from], to, ([value]) => {
      try {
        return convertNumber(from.name, to.name, value!);
      } catch (error) {
        throw invalid((error as Error).message);
      }
    });
  if (to.name === "text" || to.name === "ascii") {
    if (["blob", "duration", "text"].includes(from.name)) return undefined;
    return strict(name, [from], to, ([value]) => Buffer.from(from.facts.text(value!)));
  }
  // A timestamp stands for the milliseconds that it is, and these for it.
  if (from.name === "timestamp" && to.name === "bigint") return strict(name, [from], to, ([value]) => value!);
  if (from.name === "timestamp" && to.name === "varint")
    return strict(name, [from], to, ([value]) => convertNumber("bigint", "varint", value!));
  if (from.name === "bigint" && to.name === "date")
    return strict(name, [from], to, ([value]) => dateBytes(value!.readBigInt64BE(0)));
  const times = ["timestamp", "date"];
  if ((from.name === "timeuuid" && times.includes(to.name)) || (times.includes(from.name) && times.includes(to.name)))
    return strict(name, [from], to, ([value]) => {
      const millis = millisOf(from.name, value!);
      return to.name === "date" ? dateBytes(millis) : fixedInteger(millis, 8);
    });
  return undefined;
}

function elementsOf(type: CqlType, value: Buffer): Buffer[] {
  const parts = readParts(value, type instanceof MapType ? 2 : 1) as Buffer[];
  return type instanceof MapType ? parts.filter((_, at) => at % 2 === 1) : parts;
}

export const collectionNames = [
  "map_keys",
  "map_values",
  "collection_count",
  "collection_min",
  "collection_max",
  "collection_sum",
  "collection_avg",
];

/** Functions of the elements of one collection, whose signature depends on its type. */
export function collectionFunction(name: string, type: CqlType): ScalarFunction | undefined {
  const isCollection = type instanceof ListType || type instanceof SetType || type instanceof MapType;
  if (!isCollection) return undefined;
  const element = type instanceof MapType ? type.values : type.element;
  const make = (returns: CqlType, run: (value: Buffer) => Value): ScalarFunction =>
    scalar(name, [type], returns, ([value]) => (value === null || value!.length === 0 ? null : run(value!)));
  switch (name) {
    case "map_keys":
      if (!(type instanceof MapType)) return undefined;
      return make(new SetType(type.keys, true), (value) =>
        writeParts(
          readParts(value, 2).filter((_, at) => at % 2 === 0),
          1,
        ),
      );
    case "map_values":
      if (!(type instanceof MapType)) return undefined;
      return make(new ListType(element, true), (value) => writeParts(elementsOf(type, value), 1));
    case "collection_count":
      return make(t("int"), (value) => value.subarray(0, 4));
    case "collection_min":
    case "collection_max": {
      if (type instanceof MapType) return undefined;
      const sign = name === "collection_min" ? -1 : 1;
      return make(element, (value) =>
        elementsOf(type, value).reduce<Buffer | null>(
          (best, each) => (best === null || element.compare(each, best) * sign > 0 ? each : best),
          null,
        ),
      );
    }
    case "collection_sum":
    case "collection_avg": {
      if (type instanceof MapType || !isNumeric(element)) return undefined;
      return make(element, (value) =>
        foldNumbers(element, elementsOf(type, value), name === "collection_sum" ? "sum" : "avg"),
      );
    }
    default:
      return undefined;
  }
}
