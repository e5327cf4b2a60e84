import type { RedisEntity } from "../../plan/redis/types.js";
import type { RecordData } from "../port/adapter.js";
import { compileJsonDecoder, compileJsonEncoder } from "../port/json-values.js";
import { Misfit, mismatch } from "../port/misfit.js";

/** A stored record, read. */
export interface StoredRecord {
  readonly record: Record<string, unknown>;
  readonly version: number;
  /** Ids of writes that their callers named, and the versions that they made. */
  readonly writes: readonly { readonly id: string; readonly version: number }[];
}

/** Records of one entity ↔ the JSON in their keys: a member a line. */
export interface RedisCodec {
  /** The members, without keyfold's own; throws OUT_OF_RANGE, INPUT_INVALID. */
  encode(record: RecordData): string;
  /** One member's value as JSON. */
  encodeMember(field: string, value: unknown): string;
  /** Name of a field's member. */
  nameOf(field: string): string;
  decode(text: string): StoredRecord;
}

/** Compiles the codec of an entity once. */
export function compileCodec(entity: RedisEntity): RedisCodec {
  const members = entity.fields.map(({ field, name, type }) => ({
    field,
    name,
    head: `${JSON.stringify(name)}:`,
    encode: compileJsonEncoder(type),
    decode: compileJsonDecoder(type),
    type,
  }));
  const byField = new Map(members.map((member) => [member.field, member]));
  return {
    encode(record) {
      let text = "";
      for (const { field, head, encode } of members) {
        const value = record[field];
        if (value === undefined) continue;
        text += text === "" ? head + encode(value) : `,\n${head}${encode(value)}`;
      }
      return text;
    },
    encodeMember: (field, value) => byField.get(field)!.encode(value),
    nameOf: (field) => byField.get(field)!.name,
    decode(text) {
      let stored: Record<string, unknown>;
      try {
        stored = JSON.parse(text) as Record<string, unknown>;
      } catch {
        throw mismatch(entity, {}, new Misfit("JSON", "other text"));
      }
      const record: Record<string, unknown> = {};
      let at = 0;
      try {
        for (; at < members.length; at++) {
          const { field, name, type, decode } = members[at]!;
          const raw = stored[name];
          if (raw !== undefined) record[field] = decode(raw);
          else if (!type.optional) throw new Misfit(`a value of type ${type.kind}`, "nothing");
        }
      } catch (error) {
        throw error instanceof Misfit ? mismatch(entity, record, error.at(members[at]!.field)) : error;
      }
      return { record, version: (stored["_v"] as number | undefined) ?? 0, writes: writesOf(stored["_w"]) };
    },
  };
}

function writesOf(text: unknown): StoredRecord["writes"] {
  if (typeof text !== "string") return [];
  return text.split(",").map((one) => {
    const [id = "", version = "0"] = one.split(":");
    return { id, version: Number(version) };
  });
}
