import type { EntityData } from "../../model/description.js";
import { type Field, type Fields, fieldAt } from "../../model/field.js";
import { columnsOf, identifier, isAmbiguous, ownColumn, snake } from "./names.js";
import type { CqlUserType, KeySource, StoredColumn } from "./types.js";

/** Text of a name in a type. */
const text: Field = { kind: "string", optional: false, nullable: false };

/**
 * The type of a field's column, and what it needs: https://cassandra.apache.org/doc/5.0/cassandra/developing/cql/types.html.
 * Whole numbers are `bigint`, also where JavaScript has a number: the schema admits 53 bits. What nests is frozen: it is
 * written and compared as a whole.
 */
export function cqlType(field: Field, path: string, types: Map<string, CqlUserType>): string {
  switch (field.kind) {
    case "string":
    case "enum":
    case "json":
      return "text";
    case "int":
    case "int64":
      return "bigint";
    case "double":
      return "double";
    case "decimal":
      return "decimal";
    case "boolean":
      return "boolean";
    case "date":
      return "timestamp";
    case "bytes":
      return "blob";
    case "uuid":
      return "uuid";
    case "array":
      return `frozen<list<${cqlType(field.element, path, types)}>>`;
    case "map":
      return `frozen<map<text, ${cqlType(field.value, path, types)}>>`;
    case "object": {
      const columns = columnsOf(field.fields);
      const fields = Object.entries(field.fields).map(([name, one]) => ({
        name: columns.get(name) as string,
        cql: cqlType(one, `${path}_${name}`, types),
      }));
      const name = snake(path);
      // Types that it holds were added before it.
      types.set(name, { name, fields });
      return `frozen<${identifier(name)}>`;
    }
    default:
      return field satisfies never;
  }
}

/** Whether CQL keeps all values of a field apart: it has one null, which is an empty list too, and none within collections. */
export function isNative(field: Field): boolean {
  return !isAmbiguous(field) && isClean(field);
}

function isClean(field: Field): boolean {
  switch (field.kind) {
    case "array":
      return !field.element.nullable && field.element.kind !== "array" && isClean(field.element);
    case "map":
      return !field.value.nullable && field.value.kind !== "array" && isClean(field.value);
    case "object":
      return (
        Object.keys(field.fields).length > 0 &&
        Object.values(field.fields).every((one) => !isAmbiguous(one) && isClean(one))
      );
    default:
      return true;
  }
}

/** An entity's fields as columns: the key's first. */
export function storedColumns(entity: EntityData, types: Map<string, CqlUserType>): readonly StoredColumn[] {
  const columns = columnsOf(entity.fields);
  const names = [...entity.key, ...Object.keys(entity.fields).filter((name) => !entity.key.includes(name))];
  return names.map((field) => {
    const type = entity.fields[field] as Field;
    const native = isNative(type);
    return {
      name: columns.get(field) as string,
      cql: native ? cqlType(type, `${entity.storedAs}_${field}`, types) : "text",
      field,
      type,
      as: native ? "native" : "json",
    };
  });
}

/** A field as part of a key: never optional there. */
export function keyField(fields: Fields, field: string): Field {
  const type = fieldAt(fields, field);
  if (type === undefined) throw new TypeError(`there is no field "${field}"`);
  return { ...type, optional: false, nullable: false };
}

/**
 * The column of a field in a key. UUIDs in an order are text: CQL orders its `uuid` by version and time, and every other
 * engine by the digits.
 */
export function keyColumn(
  entity: EntityData,
  stored: readonly StoredColumn[],
  field: string,
  place: "partition" | "clustering",
): { readonly name: string; readonly cql: string; readonly source: KeySource } {
  const type = keyField(entity.fields, field);
  const own = stored.find((one) => one.field === field && one.as === "native");
  const asText = place === "clustering" && type.kind === "uuid";
  const cql = asText ? "text" : cqlType(type, field, new Map());
  const source: KeySource = { kind: "field", field, type: asText ? text : type };
  return { name: own === undefined || own.cql !== cql ? ownColumn(field) : own.name, cql, source };
}
