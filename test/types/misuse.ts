/**
 * What the types refuse, and what the compiler says then. Each case is one statement behind `@ts-expect-error`; the text
 * after "says:" must be in the compiler's message. Compiled by types.test.ts and by `npm run typecheck`; never run.
 */
import { z } from "zod";
import { day, defineModel, embed, entity, get, list, rank, search, together, top } from "../../src/index.js";
import { customer, device, item, line, order } from "./model.js";
import { named, onDynamo, onEither, onRedis, onTable, shop } from "./use.js";

// @ts-expect-error a key that is not a field; says: '"idd"' is not assignable to type '"id"'
entity("x", { schema: z.object({ id: z.string() }), key: ["idd"] });
// @ts-expect-error a unique field that is not there; says: '"mail"' is not assignable to type '"id"'
entity("x", { schema: z.object({ id: z.string() }), key: ["id"], unique: [["mail"]] });
// @ts-expect-error not a zod schema; says: 'id' does not exist in type 'Schema'
entity("x", { schema: { id: "string" }, key: [] });
// @ts-expect-error an unknown field; says: Did you mean '"customerId"'?
list(line, { by: ["custmerId"] });
// @ts-expect-error an unknown nested field; says: Did you mean '"address.city"'?
list(line, { by: ["address.cty"] });
// @ts-expect-error an array cannot be asked by; says: '"tags"' is not assignable
list(line, { by: ["tags"] });
// @ts-expect-error a bucket of an unknown field; says: Type '"att"' is not assignable to type '"at"'
list(line, { by: [day("att")] });
// @ts-expect-error a bucket of a number; says: Type '"quantity"' is not assignable to type '"at"'
list(line, { by: ["country", day("quantity")] });
// @ts-expect-error an order by an unknown field; says: 'att' does not exist in type 'Order<
list(line, { by: ["customerId"], order: { att: "desc" } });
// @ts-expect-error an unknown direction; says: '"down"' is not assignable
list(line, { by: ["customerId"], order: { at: "down" } });
// @ts-expect-error a condition on an unknown field; says: Did you mean to write 'quantity'?
list(line, { by: ["customerId"], where: { quantitty: { gt: 0 } } });
// @ts-expect-error a condition with a value of another type; says: Type 'string' is not assignable to type 'number'
list(line, { by: ["customerId"], where: { quantity: { gt: "0" } } });
// @ts-expect-error an unknown operator; says: 'greater' does not exist
list(line, { by: ["customerId"], where: { quantity: { greater: 0 } } });
// @ts-expect-error a range of an unknown field; says: '"att"' is not assignable
list(line, { by: ["customerId"], range: "att" });
// @ts-expect-error a selected field that is not there; says: '"totl"' is not assignable
list(line, { by: ["customerId"], select: ["seq", "totl"] });
// @ts-expect-error a selected path; says: '"address.city"' is not assignable
get(line, { select: ["address.city"] });
// @ts-expect-error an unknown level; says: '"fast"' is not assignable
list(line, { by: ["customerId"], consistency: "fast" });
// @ts-expect-error a misspelt option; says: Did you mean to write 'order'?
list(line, { by: ["customerId"], ordr: { at: "desc" } });
// @ts-expect-error the sum of a text; says: Type '"country"' is not assignable to type '"seq" | "quantity"
top(line, { by: "customerId", sum: "country" });
// @ts-expect-error a search in a number; says: '"quantity"' is not assignable
search(line, { text: ["quantity"] });
// @ts-expect-error an array without a bound; says: Property 'max' is missing
embed(item, {});
// @ts-expect-error a pattern called like an entity; says: \"line\" is already the name of an entity
defineModel({ entities: { line }, patterns: { line: get(line) } });
// @ts-expect-error a name of the client's own; says: "this name is reserved"
defineModel({ entities: { line }, patterns: { $close: get(line) } });
// @ts-expect-error the model would be taken for a promise; says: "this name is reserved"
// biome-ignore lint/suspicious/noThenProperty: it is the mistake that is tested
defineModel({ entities: { line }, patterns: { then: get(line) } });
// @ts-expect-error an entity that is not in the model; says: Type '"device"' is not assignable to type '"line"'
defineModel({ entities: { line }, patterns: { deviceById: get(device) } });
// @ts-expect-error an entity under another name; says: Type '"line"' is not assignable to type '"lines"'
defineModel({ entities: { lines: line }, patterns: {} });
// @ts-expect-error workload for nothing; says: 'lin' does not exist in type
defineModel({ entities: { line }, patterns: {}, workload: { lin: { records: 1 } } });
// @ts-expect-error entities together by a field that only one has; says: Type '"orderId"' is not assignable to type '"customerId"'
together([customer, order], { by: ["orderId"] });
// @ts-expect-error entities together on an engine that reads them apart; says: "mongodb() cannot serve \"together\" patterns: see keyfold plan"
shop.customerFile({ customerId: "1" });
// @ts-expect-error a pattern that the engine cannot serve; says: "mongodb() cannot serve \"search\" patterns: see keyfold plan"
shop.searchLines({ text: "mug" });
// @ts-expect-error the same, row by row; says: "mongodb() cannot serve \"search\" patterns: see keyfold plan"
shop.searchLines.each({ text: "mug" });
// @ts-expect-error a rank on an engine that does not count places; says: "mongodb() cannot serve \"rank\" patterns: see keyfold plan"
shop.lineRank({ seq: 1 });
// @ts-expect-error a rank asked for by something else than the key; says: 'country' does not exist in type
onRedis.lineRank({ country: "UK" });
// @ts-expect-error a rank without an order; says: Property 'order' is missing
rank(line, { by: ["country"] });
// @ts-expect-error a pattern that Redis cannot serve; says: "redis() cannot serve \"search\" patterns: see keyfold plan"
onRedis.searchLines({ text: "mug" });
// @ts-expect-error a level that Redis cannot promise; says: Type '"strong"' is not assignable to type '"session" | "bounded" | "eventual"
onRedis.lineBySeq({ seq: 1 }, { consistency: "strong" });
// @ts-expect-error a misspelt pattern; says: on type 'Shop'. Did you mean 'linesByCustomer'?
named.linesByCustomr({ customerId: "1" });
// @ts-expect-error a level that an index list of this engine cannot promise; says: Type '"session"' is not assignable to type '"eventual"'
onTable.linesByCustomer({ customerId: "1" }, { consistency: "session" });
// @ts-expect-error a level stronger than the pattern declares; says: Type '"session"' is not assignable to type '"eventual"'
shop.linesByDay({ day: "2010-12-01" }, { consistency: "session" });
// @ts-expect-error a level that one of two engines cannot promise; says: Type '"session"' is not assignable to type '"eventual"'
onEither.linesByCustomer({ customerId: "1" }, { consistency: "session" });
// @ts-expect-error a pattern that one of two engines cannot serve; says: cannot serve \"top\" patterns
onEither.topCustomers({});
// @ts-expect-error a misspelt parameter; says: Did you mean to write 'customerId'?
shop.linesByCustomer({ customer: "1" });
// @ts-expect-error a parameter of another type; says: Type 'string' is not assignable to type 'number'
shop.lineBySeq({ seq: "1" });
// @ts-expect-error a parameter that may be missing; says: Type 'undefined' is not assignable to type 'string'
shop.linesByCustomer({ customerId: undefined });
// @ts-expect-error a moment for a day; says: Type 'Date' is not assignable to type 'string'
shop.linesByDay({ day: new Date() });
// @ts-expect-error a record without its fields; says: is missing the following properties
shop.line.insert({ seq: 1 });
// @ts-expect-error a number for a decimal; says: Type 'number' is not assignable to type '`${number}`'
shop.line.update({ seq: 1 }, { total: 2.55 });
// @ts-expect-error text that is no decimal; says: Type '"abc"' is not assignable to type '`${number}`'
shop.line.update({ seq: 1 }, { total: "abc" });
// @ts-expect-error a change of the key; says: 'seq' does not exist
shop.line.update({ seq: 1 }, { seq: 2 });
// @ts-expect-error an increment of a text; says: 'country' does not exist
shop.line.increment({ seq: 1 }, { country: "1" });
// @ts-expect-error half a key; says: Property 'id' is missing
shop.device.get({ tenant: "t" });
// @ts-expect-error several writes as one on an engine that has no transactions; says: "mongodb() cannot write several records as one"
shop.$transact([]);
// @ts-expect-error the same on one of two engines; says: cannot write several records as one"
onEither.$transact([]);
// @ts-expect-error a write of an entity that is not there; says: Type '"lines"' is not assignable to type
onDynamo.$transact([{ entity: "lines", delete: { seq: 1 } }]);
// @ts-expect-error a write with another entity's key; says: 'tenant' does not exist in type
onDynamo.$transact([{ entity: "line", delete: { tenant: "1" } }]);
// @ts-expect-error a demand on an unknown field; says: 'quantitty' does not exist in type
onDynamo.$transact([{ entity: "line", check: { seq: 1 }, if: { quantitty: 1 } }]);
