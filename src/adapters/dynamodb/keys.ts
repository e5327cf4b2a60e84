import { KeyfoldError } from "../../internal/errors.js";
import { bucketEnd, bucketOf, bucketStart } from "../../model/bucket.js";
import type { Field } from "../../model/field.js";
import {
  beyond,
  decodeComponent,
  END,
  encodeComponent,
  joinKey,
  shardName,
  splitKey,
} from "../../plan/dynamodb/key-encoding.js";
import type { AskedKey, AskedPart, KeyPart, KeyRecipe } from "../../plan/dynamodb/types.js";
import { shardOf } from "../../plan/shard.js";
import type { Position, RecordData } from "../port/adapter.js";
import { walkedBucket } from "../port/bucket-walk.js";
import { compilePath } from "../port/conditions.js";

/** A partition's and a sort key. */
export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** Makes the key of a record. `identity`: the record's own key as text, which decides its shard. */
export type MakeKey = (record: RecordData, identity: string) => Key;

/** Limits of DynamoDB's keys in bytes. */
const PARTITION_BYTES = 2_048;
const SORT_BYTES = 1_024;

/** Compiles a recipe. */
export function compileKey(recipe: KeyRecipe): MakeKey {
  const partition = recipe.partition.map(compilePart);
  const sort = recipe.sort.map(compilePart);
  return (record, identity) => {
    let pk = "";
    for (const part of partition) pk += part(record, identity) + END;
    let sk = "";
    for (const part of sort) sk += part(record, identity) + END;
    checkLength(pk, sk);
    return { pk, sk };
  };
}

function checkLength(pk: string, sk: string): void {
  // Three bytes at most for each unit: short keys need no counting.
  if (pk.length * 3 > PARTITION_BYTES && Buffer.byteLength(pk) > PARTITION_BYTES)
    throw tooLong("partition", PARTITION_BYTES);
  if (sk.length * 3 > SORT_BYTES && Buffer.byteLength(sk) > SORT_BYTES) throw tooLong("sort", SORT_BYTES);
}

function tooLong(what: string, limit: number): KeyfoldError {
  return new KeyfoldError("TOO_LARGE", `A ${what} key would be longer than DynamoDB's ${limit} bytes.`, {
    fix: "Ask by shorter fields: bound them with .max(n) in the schema.",
  });
}

function compilePart(part: KeyPart): (record: RecordData, identity: string) => string {
  switch (part.kind) {
    case "text":
      return () => part.text;
    case "field": {
      const read = compilePath(part.field);
      const { type, direction } = part;
      return (record) => encodeComponent(type, direction, read(record));
    }
    case "bucket": {
      const read = compilePath(part.field);
      const nameOf = part.walked === true ? walkedBucket : bucketOf;
      return (record) => bucketComponent(nameOf(part.unit, read(record) as Date));
    }
    case "shard":
      return (_, identity) => shardName(shardOf(identity, part.count));
    default:
      return part satisfies never;
  }
}

const text: Field = { kind: "string", optional: false, nullable: false };

/** A bucket's name as a component: it may hold no more than digits and "-", "T", "+". */
export function bucketComponent(name: string): string {
  return encodeComponent(text, "asc", name);
}

/** The record's own key as text: equal for equal keys only. */
export function compileIdentity(
  key: readonly string[],
  fields: { readonly [name: string]: Field },
): (record: RecordData) => string {
  const parts = key.map((name) => [name, fields[name] as Field] as const);
  return (record) => joinKey(parts.map(([name, type]) => encodeComponent(type, "asc", record[name])));
}

/** What a call gives a request. */
export interface Asked {
  readonly params: RecordData;
  readonly after?: Position | undefined;
  readonly shard: number;
  /** The bucket that a walk has come to. */
  readonly bucket?: string | undefined;
}

/** Compiles a text of a request. */
export function compileAsked({ bound, parts }: AskedKey): (asked: Asked) => string {
  const compiled = parts.map(compileAskedPart);
  return (asked) => {
    let key = "";
    let whole = true;
    for (const part of compiled) {
      const component = part(asked);
      if (component === undefined) {
        whole = false;
        break;
      }
      key += component + END;
    }
    switch (bound) {
      case "key":
        return key;
      case "from":
        // An empty text is refused as a key; nothing lies below "#".
        return whole ? (key === "" ? END : key.slice(0, -1)) : key === "" ? END : key;
      case "to":
        return whole ? key.slice(0, -1) : beyond(key);
      case "through":
        return beyond(key);
      case "above":
        return `${key}!`;
      case "below":
        return key.slice(0, -1);
      default:
        return bound satisfies never;
    }
  };
}

function compileAskedPart(part: AskedPart): (asked: Asked) => string | undefined {
  switch (part.kind) {
    case "text":
      return () => part.text;
    case "param": {
      const { param, type, direction } = part;
      return ({ params }) => {
        const value = params[param];
        return value === undefined ? undefined : encodeComponent(type, direction, value);
      };
    }
    case "bucket":
      return ({ params }) => bucketComponent(bucketOf(part.unit, bucketStart(part.unit, params[part.param] as string)));
    case "walked":
      return ({ bucket }) => (bucket === undefined ? undefined : bucketComponent(bucket));
    case "bucketMoment":
      return ({ params }) => {
        const name = params[part.param] as string | undefined;
        if (name === undefined) return undefined;
        const moment = part.next ? bucketEnd(part.unit, name) : bucketStart(part.unit, name);
        return encodeComponent(date, "asc", moment);
      };
    case "after":
      return ({ after }) => encodeComponent(part.type, part.direction, after?.[part.position]);
    case "shard":
      return ({ shard }) => shardName(shard);
    default:
      return part satisfies never;
  }
}

const date: Field = { kind: "date", optional: false, nullable: false };

/** Reads the values of a sort key behind its first `skip` components. */
export function decodeSortKey(
  key: string,
  skip: number,
  parts: readonly { readonly type: Field; readonly direction: "asc" | "desc" }[],
): Position {
  const components = splitKey(key);
  return parts.map((part, index) => decodeComponent(part.type, part.direction, components[skip + index] ?? ""));
}
