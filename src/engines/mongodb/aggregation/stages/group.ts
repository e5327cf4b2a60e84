import { type Decimal128, Int32 } from "bson";
import { Doc, readValue } from "../../bson/doc.js";
import { BsonType, int32At } from "../../bson/raw.js";
import type { Value } from "../../bson/values.js";
import { mongoError } from "../../errors.js";
import type { Accumulation, CompiledAccumulator } from "../accumulators/accumulator.js";
import { compileAccumulators } from "../accumulators/table.js";
import type { Expression, Result } from "../expressions/expression.js";
import { RawFields } from "../raw-fields.js";
import { approximateBytes, stageLimitBytes, stageTooLarge } from "../size.js";
import { Summation } from "../summation.js";
import { GroupTable } from "./group-table.js";
import type { Stage, StageContext, StageDefinition } from "./stage.js";

interface Group {
  readonly id: Value;
  readonly sums: readonly Summation[];
  readonly others: readonly Accumulation[];
}

const emptyId = new Doc();
const groupBytes = 200;

/** A compiled `$group`: used by `$bucket` and `$sortByCount` too. */
export function grouping(
  id: Expression,
  names: readonly string[],
  accumulators: readonly CompiledAccumulator[],
  context: Pick<StageContext, "variables" | "step">,
): Stage {
  const { variables } = context;
  const summed = accumulators.filter((each) => each.sums !== undefined);
  const inputs = summed.map((each) => each.sums!.input);
  const others = accumulators.filter((each) => each.sums === undefined);
  const begin = (key: Value): Group => ({
    id: key,
    sums: inputs.map(() => new Summation()),
    others: others.map((each) => each.begin(key instanceof Doc ? key : emptyId, variables)),
  });
  const finish = (group: Group): Doc => {
    const values: Value[] = [group.id];
    let sum = 0;
    let other = 0;
    for (const each of accumulators) {
      if (each.sums === undefined) values.push(group.others[other++]!.result());
      else if (each.sums.read === "sum") values.push(group.sums[sum++]!.sum());
      else values.push(group.sums[sum++]!.average());
    }
    return Doc.of(["_id", ...names], values);
  };
  const raw = RawGrouping.of(id, inputs);
  return {
    name: "$group",
    *run(source) {
      let bytes = 0;
      const table = new GroupTable<Group>((key) => {
        bytes += groupBytes + approximateBytes(key);
        if (bytes > stageLimitBytes) throw stageTooLarge("$group");
        return begin(key);
      });
      for (const doc of source) {
        context.step();
        let group: Group;
        if (raw !== undefined && doc.bytes !== null) {
          group = raw.add(doc.bytes, doc.start, table);
        } else {
          // A missing key groups with null.
          group = table.find(id.evaluate(doc, variables) ?? null);
          for (let i = 0; i < inputs.length; i++) group.sums[i]!.add(inputs[i]!.evaluate(doc, variables));
        }
        for (const each of group.others) each.add(doc, variables);
      }
      for (const group of table.groups) yield finish(group);
    },
  };
}

/**
 * Groups and adds up straight from the bytes of raw documents: made when the key and all that is added up are constants
 * or fields at the top level.
 */
class RawGrouping {
  readonly #fields: RawFields;
  /** The place of the key among the fields, or -1 of a constant key. */
  readonly #key: number;
  readonly #constantKey: Value;
  /** For each sum the place of its field, or -1 of a constant. */
  readonly #places: readonly number[];
  readonly #constants: readonly Result[];

  private constructor(id: Expression, inputs: readonly Expression[], names: string[]) {
    this.#fields = new RawFields(names);
    this.#key = id.path === undefined ? -1 : names.indexOf(id.path[0]!);
    this.#constantKey = id.constant?.value ?? null;
    this.#places = inputs.map((each) => (each.path === undefined ? -1 : names.indexOf(each.path[0]!)));
    this.#constants = inputs.map((each) => each.constant?.value);
  }

  static of(id: Expression, inputs: readonly Expression[]): RawGrouping | undefined {
    const names: string[] = [];
    for (const each of [id, ...inputs]) {
      if (each.constant !== undefined) continue;
      if (each.path?.length !== 1) return undefined;
      const name = each.path[0]!;
      if (!names.includes(name)) names.push(name);
    }
    return new RawGrouping(id, inputs, names);
  }

  add(bytes: Buffer, start: number, table: GroupTable<Group>): Group {
    const fields = this.#fields;
    fields.find(bytes, start);
    const group = this.#group(bytes, table);
    const places = this.#places;
    for (let i = 0; i < places.length; i++) {
      const place = places[i]!;
      const sum = group.sums[i]!;
      if (place >= 0) addRaw(sum, bytes, fields.types[place]!, fields.offsets[place]!);
      else {
        const value = this.#constants[i];
        if (value instanceof Int32) sum.addInt(value.value);
        else sum.add(value);
      }
    }
    return group;
  }

  #group(bytes: Buffer, table: GroupTable<Group>): Group {
    if (this.#key < 0) return table.find(this.#constantKey);
    const type = this.#fields.types[this.#key]!;
    if (type === 0) return table.find(null);
    const at = this.#fields.offsets[this.#key]!;
    if (type === BsonType.string) return table.findString(bytes, at + 4, at + 3 + int32At(bytes, at));
    return table.find(readValue(bytes, type, at));
  }
}

/** Adds the number at an offset; small decimals without making an object. */
function addRaw(sum: Summation, bytes: Buffer, type: number, at: number): void {
  if (type === BsonType.decimal128) {
    // 49 bits of the coefficient, its exponent and the sign are in the upper half: mostly the first are zero.
    const top = bytes[at + 15]!;
    const next = bytes[at + 14]!;
    const isSmall =
      (bytes[at + 7]! |
        bytes[at + 8]! |
        bytes[at + 9]! |
        bytes[at + 10]! |
        bytes[at + 11]! |
        bytes[at + 12]! |
        bytes[at + 13]! |
        (next & 1)) ===
        0 &&
      bytes[at + 6]! < 16 &&
      (top & 0x60) !== 0x60;
    if (isSmall) {
      const units =
        (int32At(bytes, at) >>> 0) + (bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16)) * 2 ** 32;
      const exponent = (((top & 0x7f) << 7) | (next >> 1)) - 6176;
      const isNegative = (top & 0x80) !== 0;
      // A negative zero keeps its sign on the longer way.
      if (units !== 0 || !isNegative) {
        sum.addSmallDecimal(isNegative ? -units : units, exponent);
        return;
      }
    }
    sum.addDecimal(readValue(bytes, type, at) as Decimal128);
  } else if (type === BsonType.int32) sum.addInt(int32At(bytes, at));
  else if (type === BsonType.double) sum.addDouble(bytes.readDoubleLE(at));
  else if (type === BsonType.int64) sum.addLong(bytes.readBigInt64LE(at));
}

/** The key of a `$group`: an expression, or a document of them. */
function compileId(value: Value, context: StageContext): Expression {
  const isObject = value instanceof Doc && !value.isEmpty && !value.first()![0].startsWith("$");
  if (!isObject) return context.scope.compile(value);
  for (const name of value.keys()) {
    if (name.startsWith("$")) throw mongoError(17390, "$group does not support inclusion-style expressions");
  }
  const compiled = context.scope.compile(value);
  if (value.size > 1 || compiled.constant !== undefined) return compiled;
  // MongoDB takes the one field of such a key for the key itself, so there a missing value becomes null.
  const [name, field] = value.first()!;
  const only = context.scope.compile(field);
  return { evaluate: (root, vars) => Doc.of([name], [only.evaluate(root, vars) ?? null]) };
}

export const group: StageDefinition = {
  name: "$group",
  summary: "One document for each group of documents, with accumulated values.",
  supported: true,
  compile: (argument, context) => {
    if (!(argument instanceof Doc)) throw mongoError(15947, "a group's fields must be specified in an object");
    let id: Expression | undefined;
    const fields: [string, Value][] = [];
    for (const [name, value] of argument) {
      if (name === "_id") {
        if (id !== undefined) throw mongoError(15948, "a group's _id may only be specified once");
        id = compileId(value, context);
      } else fields.push([name, value]);
    }
    const { names, accumulators } = compileAccumulators(fields, context.scope);
    if (id === undefined) throw mongoError(15955, "a group specification must include an _id");
    return grouping(id, names, accumulators, context);
  },
};
