/** What the types infer. Compiled by types.test.ts and by `npm run typecheck`; never run. */
import type { DynamoDB, MongoDB, Redis } from "../../src/adapters/port/capability.js";
import {
  type Adapter,
  type Client,
  type Consistency,
  connect,
  type Decimal,
  type Page,
  type RankRow,
  type VersionedRecord,
} from "../../src/index.js";
import model from "./model.js";

/** Engines with less than MongoDB, and with more. */
export interface Table {
  readonly engine: "table";
  readonly serves: { get: Consistency; listByKey: "strong" | "session" | "eventual"; list: "eventual" };
}
export interface Text {
  readonly engine: "text";
  readonly serves: { get: "eventual"; listByKey: "eventual"; list: "eventual"; top: "eventual"; search: "eventual" };
}

declare const mongodb: Adapter<MongoDB>;
declare const table: Adapter<Table>;
declare const dynamo: Adapter<DynamoDB>;
declare const text: Adapter<Text>;
declare const redis: Adapter<Redis>;
declare const either: Adapter<MongoDB | Table>;

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type IsAny<T> = 0 extends 1 & T ? true : false;
declare function eq<A, B>(_: Eq<A, B>): void;

export const shop = connect(model, mongodb);
export const onTable = connect(model, table);
export const onDynamo = connect(model, dynamo);
export const onText = connect(model, text);
export const onRedis = connect(model, redis);
export const onEither = connect(model, either);

export async function inference(): Promise<void> {
  // Writes take the schema's input: defaults may be left out.
  await shop.line.insert({
    seq: 1,
    invoiceNo: "a",
    stockCode: "b",
    quantity: 1,
    unitPrice: "2.550",
    total: "2.550",
    at: new Date(),
    country: "UK",
  });
  // Reads give its output.
  const page = await shop.linesByCustomer({ customerId: "17850" }, { limit: 5, consistency: "session" });
  const first = page.items[0];
  if (first === undefined) return;
  eq<typeof first.unitPrice, Decimal>(true);
  eq<typeof first.description, string | undefined>(true);
  eq<typeof first.tags, string[]>(true);
  eq<typeof first.items, { sku: string; quantity: number; note: string }[]>(true);
  eq<typeof first.views, bigint>(true);
  eq<typeof first.photo, Uint8Array | undefined>(true);
  eq<IsAny<typeof first>, false>(true);
  // Some of a record: these fields, optional ones still optional.
  const name = (await shop.lineNames({ customerId: "1" })).items[0];
  if (name !== undefined) {
    eq<
      typeof name,
      { seq: number; description?: string | undefined; items: { sku: string; quantity: number; note: string }[] }
    >(true);
  }
  eq<Awaited<ReturnType<typeof shop.lineTotal>>, { total: Decimal } | undefined>(true);
  // Entities that are read together are told apart by name.
  const file = await onDynamo.customerFile({ customerId: "1" }, { consistency: "session" });
  const row = file.items[0];
  if (row?.entity === "order") eq<typeof row.record, { customerId: string; orderId: number; total: Decimal }>(true);
  if (row?.entity === "customer") eq<typeof row.record, { customerId: string; name: string }>(true);

  // Parameters come from `by` and `range`, never optional in `by`.
  eq<Parameters<typeof shop.lineBySeq>[0], { seq: number }>(true);
  eq<Parameters<typeof shop.deviceById>[0], { tenant: string; id: string }>(true);
  eq<Parameters<typeof shop.linesByCustomer>[0], { customerId: string }>(true);
  eq<Parameters<typeof shop.linesByDay>[0], { day: string }>(true);
  eq<Parameters<typeof shop.linesByHour>[0], { country: string; hour: string }>(true);
  eq<Parameters<typeof shop.linesByCity>[0], { "address.city": string; readonly from?: Date; readonly to?: Date }>(
    true,
  );
  eq<Parameters<typeof shop.linesByCountry>[0], { country: string; readonly from?: string; readonly to?: string }>(
    true,
  );
  eq<Parameters<typeof shop.topCustomers>[0], { readonly from?: string; readonly to?: string }>(true);
  eq<Parameters<typeof shop.topCountries>[0], { readonly from?: Date; readonly to?: Date }>(true);

  // Rows of aggregates.
  const tops = await shop.topCustomers({ from: "2010-12-01" });
  eq<(typeof tops.items)[number], { customerId: string; total: Decimal; count: number }>(true);
  const countries = await shop.topCountries({});
  eq<(typeof countries.items)[number], { country: string; count: number }>(true);

  // Keys, versions and changes.
  eq<Parameters<typeof shop.device.delete>[0], { tenant: string; id: string }>(true);
  const versioned = await shop.line.get({ seq: 1 }, { version: true });
  eq<typeof versioned, VersionedRecord<typeof first> | undefined>(true);
  const plain = await shop.line.get({ seq: 1 });
  eq<typeof plain, typeof first | undefined>(true);
  await shop.line.update(
    { seq: 1 },
    { country: "France", description: undefined },
    { ifVersion: 3, if: { quantity: { gt: 0 } } },
  );
  await shop.line.increment({ seq: 1 }, { quantity: 1, total: "0.500", views: 1n });
  for await (const record of shop.linesByCustomer.each({ customerId: "17850" })) eq<typeof record.at, Date>(true);

  // Levels: what the pattern declares, and the engine serves, and nothing stronger.
  await shop.lineBySeq({ seq: 1 }, { consistency: "strong" });
  const place = await onRedis.lineRank({ seq: 1 });
  eq<typeof place, RankRow<typeof first> | undefined>(true);
  await onTable.devicesOfTenant({ tenant: "t" }, { consistency: "session" });
  await onTable.linesByCustomer({ customerId: "1" }, { consistency: "eventual" });
  await onEither.linesByCustomer({ customerId: "1" }, { consistency: "eventual" });
  // Several writes as one, where the engine has it.
  const done = await onDynamo.$transact([
    { entity: "line", update: { seq: 1 }, changes: { country: "France" }, if: { quantity: { gt: 0 } } },
    { entity: "line", increment: { seq: 2 }, amounts: { quantity: -1 }, ifVersion: 3 },
    { entity: "line", check: { seq: 3 } },
  ]);
  if (done.applied) eq<typeof done.versions, readonly (number | undefined)[]>(true);
  const hits = await onText.searchLines({ text: "mug", country: "UK" });
  eq<typeof hits, Page<typeof first>>(true);
}

// Short names for hovers and errors.
export interface Shop extends Client<typeof model, MongoDB> {}
export const named: Shop = shop;
