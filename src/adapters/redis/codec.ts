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
  const renamed = members.some(({ field, name }) => field !== name);
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
      const { version, writes, body } = partsOf(text);
      let stored: Record<string, unknown>;
      try {
        stored = JSON.parse(body) as Record<string, unknown>;
      } catch {
        throw mismatch(entity, {}, new Misfit("JSON", "other text"));
      }
      // Most values are what JSON made of them: the record is the parsed object, unless it has other members than fields.
      let record = stored;
      let known = 0;
      let at = 0;
      try {
        for (; at < members.length; at++) {
          const { name, type, decode } = members[at]!;
          const raw = stored[name];
          if (raw !== undefined) {
            known++;
            const value = decode(raw);
            if (value !== raw) stored[name] = value;
          } else if (!type.optional) throw new Misfit(`a value of type ${type.kind}`, "nothing");
        }
      } catch (error) {
        throw error instanceof Misfit ? mismatch(entity, fieldsOf(stored), error.at(members[at]!.field)) : error;
      }
      if (renamed || known !== Object.keys(stored).length) record = fieldsOf(stored);
      return { record, version, writes };
    },
  };

  /** A stored object's fields, by their own names and nothing else. */
  function fieldsOf(stored: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const record: Record<string, unknown> = {};
    for (const { field, name } of members) if (stored[name] !== undefined) record[field] = stored[name];
    return record;
  }
}

/**
 * A record's text: keyfold's own members, which come first (the version, the epoch, and where there are any, the ids of
 * writes), and the rest as JSON. Each is a line.
 */
function partsOf(text: string): { readonly body: string } & Pick<StoredRecord, "version" | "writes"> {
  const epoch = text.indexOf("\n") + 1;
  let rest = text.indexOf("\n", epoch) + 1;
  // Something else wrote it.
  if (!text.startsWith('{"_v":') || !text.startsWith('"_x":', epoch)) return { body: text, version: 0, writes: none };
  const version = Number(text.slice(6, epoch - 2));
  let writes: StoredRecord["writes"] = none;
  if (text.startsWith('"_w":"', rest)) {
    const end = text.indexOf("\n", rest);
    writes = writesOf(text.slice(rest + 6, end - 2));
    rest = end + 1;
  }
  return { body: `{${text.slice(rest)}`, version, writes };
}

const none: StoredRecord["writes"] = [];

function writesOf(text: string): StoredRecord["writes"] {
  return text.split(",").map((one) => {
    const [id = "", version = "0"] = one.split(":");
    return { id, version: Number(version) };
  });
}
