import { validation } from "../errors.js";
import { attribute, type Item, setAttribute, type TypeName, typeOf, type Value } from "../values/attribute-value.js";
import { addNumbers } from "../values/number.js";
import type { Bindings } from "./bindings.js";
import { checkDistinct, valueAt } from "./paths.js";
import type { Action, Operand, Path } from "./syntax.js";

/** An operand of an update with its placeholders replaced. */
type Bound =
  | { readonly kind: "path"; readonly path: Path }
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "sum"; readonly minus: boolean; readonly left: Bound; readonly right: Bound }
  | { readonly kind: "append"; readonly left: Bound; readonly right: Bound }
  | { readonly kind: "default"; readonly path: Path; readonly otherwise: Bound };

type BoundAction =
  | { readonly kind: "set"; readonly path: Path; readonly operand: Bound }
  | { readonly kind: "remove"; readonly path: Path }
  | { readonly kind: "add" | "delete"; readonly path: Path; readonly value: Value };

/** An update that is ready for an item. */
export interface Update {
  /** Where it writes. */
  readonly paths: readonly Path[];
  /** It only takes away: an item that is not there is not made. */
  readonly onlyTakes: boolean;
  /** The item as the update leaves it; `item` itself stays as it is. */
  apply(item: Item): Item;
}

const typeWords: Readonly<Record<TypeName, string>> = {
  S: "STRING",
  N: "NUMBER",
  B: "BINARY",
  BOOL: "BOOLEAN",
  NULL: "NULL",
  SS: "STRING_SET",
  NS: "NUMBER_SET",
  BS: "BINARY_SET",
  L: "LIST",
  M: "MAP",
};

const conditionFunctions: ReadonlySet<string> = new Set([
  "attribute_exists",
  "attribute_not_exists",
  "attribute_type",
  "begins_with",
  "contains",
  "size",
]);

function invalid(message: string): Error {
  return validation(`Invalid UpdateExpression: ${message}`);
}

/** Replaces the placeholders of an update expression, and checks what can be known without the item. */
export function bindUpdate(actions: readonly Action[], bindings: Bindings): Update {
  const bound = actions.map((action): BoundAction => {
    const path = bindings.path("UpdateExpression", action.path);
    if (action.kind === "remove") return { kind: "remove", path };
    if (action.kind === "set") return { kind: "set", path, operand: bindOperand(action.operand, bindings) };
    const value = (bindOperand(action.operand, bindings) as Extract<Bound, { kind: "value" }>).value;
    const type = typeOf(value);
    const isSet = type === "SS" || type === "NS" || type === "BS";
    if (!isSet && !(action.kind === "add" && type === "N")) {
      throw invalid(
        `Incorrect operand type for operator or function; operator: ${action.kind.toUpperCase()}, operand type: ${typeWords[type]}, typeSet: ALLOWED_FOR_${action.kind.toUpperCase()}_OPERAND`,
      );
    }
    return { kind: action.kind, path, value };
  });
  const paths = bound.map(({ path }) => path);
  checkDistinct("UpdateExpression", paths);
  const onlyTakes = bound.every(({ kind }) => kind === "remove" || kind === "delete");
  return { paths, onlyTakes, apply: (item) => applyActions(item, bound) };
}

function bindOperand(operand: Operand, bindings: Bindings): Bound {
  switch (operand.kind) {
    case "path":
      return { kind: "path", path: bindings.path("UpdateExpression", operand.path) };
    case "value":
      return { kind: "value", value: bindings.value("UpdateExpression", operand.name) };
    case "sum": {
      const left = bindOperand(operand.left, bindings);
      const right = bindOperand(operand.right, bindings);
      for (const each of [left, right]) checkOperand(operand.operator, each, "N");
      return { kind: "sum", minus: operand.operator === "-", left, right };
    }
    default: {
      const { name, args } = operand;
      if (name !== "if_not_exists" && name !== "list_append") {
        throw invalid(
          conditionFunctions.has(name)
            ? `The function is not allowed in an update expression; function: ${name}`
            : `Invalid function name; function: ${name}`,
        );
      }
      if (args.length !== 2) {
        throw invalid(
          `Incorrect number of operands for operator or function; operator or function: ${name}, number of operands: ${args.length}`,
        );
      }
      const left = bindOperand(args[0]!, bindings);
      const right = bindOperand(args[1]!, bindings);
      if (name === "if_not_exists") {
        if (left.kind !== "path") {
          throw invalid(`Operator or function requires a document path; operator or function: ${name}`);
        }
        return { kind: "default", path: left.path, otherwise: right };
      }
      for (const each of [left, right]) checkOperand(name, each, "L");
      return { kind: "append", left, right };
    }
  }
}

/** Throws for an operand that is known not to be of the type. */
function checkOperand(operator: string, operand: Bound, wanted: "N" | "L"): void {
  const type =
    operand.kind === "value"
      ? typeOf(operand.value)
      : operand.kind === "sum"
        ? "N"
        : operand.kind === "append"
          ? "L"
          : undefined;
  if (type !== undefined && type !== wanted) {
    throw invalid(
      `Incorrect operand type for operator or function; operator or function: ${operator}, operand type: ${type}`,
    );
  }
}

function evaluate(operand: Bound, item: Item): Value {
  switch (operand.kind) {
    case "value":
      return operand.value;
    case "path": {
      const value = valueAt(item, operand.path);
      if (value === undefined) {
        throw validation("The provided expression refers to an attribute that does not exist in the item");
      }
      return value;
    }
    case "sum": {
      const left = evaluate(operand.left, item).N;
      const right = evaluate(operand.right, item).N;
      if (typeof left !== "string" || typeof right !== "string") throw wrongOperand();
      return { N: addNumbers(left, right, operand.minus) };
    }
    case "append": {
      const left = evaluate(operand.left, item).L;
      const right = evaluate(operand.right, item).L;
      if (left === undefined || right === undefined) throw wrongOperand();
      return { L: [...(left as Value[]), ...(right as Value[])] };
    }
    default: {
      const value = valueAt(item, operand.path);
      return value ?? evaluate(operand.otherwise, item);
    }
  }
}

function wrongOperand(): Error {
  return validation("An operand in the update expression has an incorrect data type");
}

function wrongPath(): Error {
  return validation("The document path provided in the update expression is invalid for update");
}

/** All operands are read from the item as it was; then paths are written. */
function applyActions(before: Item, actions: readonly BoundAction[]): Item {
  const item: Item = { ...before };
  const values = actions.map((action) =>
    action.kind === "set" ? evaluate(action.operand, before) : action.kind === "remove" ? undefined : action.value,
  );
  // What lies deeper is copied once, so that the item before stays whole.
  const copied = new Set<string>();
  for (const { path } of actions) {
    const head = path[0] as string;
    const value = attribute(item, head);
    if (path.length > 1 && value !== undefined && !copied.has(head)) {
      setAttribute(item, head, structuredClone(value));
      copied.add(head);
    }
  }
  /** Appends come in the order of their places, removals last and from the end, so that places mean those before. */
  const appends = new Map<Value[], { place: number; value: Value }[]>();
  const removals = new Map<Value[], number[]>();
  actions.forEach((action, at) => {
    const { path } = action;
    if (action.kind === "set") place(item, path, values[at]!, appends);
    else if (action.kind === "remove") take(item, path, removals);
    else if (action.kind === "add") add(item, path, values[at]!, appends);
    else subtract(item, path, values[at]!);
  });
  for (const [list, added] of appends) {
    added.sort((one, other) => one.place - other.place);
    for (const { value } of added) list.push(value);
  }
  for (const [list, places] of removals) {
    for (const at of places.sort((one, other) => other - one)) list.splice(at, 1);
  }
  return item;
}

/** What holds the last part of a path. */
function parentOf(item: Item, path: Path): { map: Item } | { list: Value[] } {
  if (path.length === 1) return { map: item };
  const parent = valueAt(item, path.slice(0, -1));
  const last = path[path.length - 1]!;
  if (typeof last === "number" && parent?.L !== undefined) return { list: parent.L as Value[] };
  if (typeof last === "string" && parent?.M !== undefined) return { map: parent.M as Item };
  throw wrongPath();
}

function place(item: Item, path: Path, value: Value, appends: Map<Value[], { place: number; value: Value }[]>): void {
  const parent = parentOf(item, path);
  const last = path[path.length - 1]!;
  if ("map" in parent) {
    setAttribute(parent.map, last as string, value);
    return;
  }
  const at = last as number;
  if (at < parent.list.length) parent.list[at] = value;
  else {
    const added = appends.get(parent.list);
    if (added === undefined) appends.set(parent.list, [{ place: at, value }]);
    else added.push({ place: at, value });
  }
}

function take(item: Item, path: Path, removals: Map<Value[], number[]>): void {
  const parent = parentOf(item, path);
  const last = path[path.length - 1]!;
  if ("map" in parent) {
    delete parent.map[last as string];
    return;
  }
  if ((last as number) >= parent.list.length) return;
  const places = removals.get(parent.list);
  if (places === undefined) removals.set(parent.list, [last as number]);
  else places.push(last as number);
}

function add(item: Item, path: Path, value: Value, appends: Map<Value[], { place: number; value: Value }[]>): void {
  const before = valueAt(item, path);
  if (before === undefined) {
    place(item, path, value, appends);
    return;
  }
  const type = typeOf(value);
  if (before[type] === undefined) throw wrongOperand();
  if (type === "N") place(item, path, { N: addNumbers(before.N as string, value.N as string) }, appends);
  else {
    const members = new Set(before[type] as string[]);
    for (const each of value[type] as string[]) members.add(each);
    place(item, path, { [type]: [...members] }, appends);
  }
}

function subtract(item: Item, path: Path, value: Value): void {
  const before = valueAt(item, path);
  if (before === undefined) {
    // The place itself may be missing, but not what would hold it.
    parentOf(item, path);
    return;
  }
  const type = typeOf(value);
  if (before[type] === undefined) throw wrongOperand();
  const gone = new Set(value[type] as string[]);
  const left = (before[type] as string[]).filter((each) => !gone.has(each));
  const parent = parentOf(item, path);
  const last = path[path.length - 1]!;
  if ("map" in parent) {
    if (left.length === 0) delete parent.map[last as string];
    else setAttribute(parent.map, last as string, { [type]: left });
  } else if (left.length === 0) parent.list.splice(last as number, 1);
  else parent.list[last as number] = { [type]: left };
}
