import { type Decimal, day, decimal, defineModel, entity, get, list, type Mapping, top } from "keyfold";
import { z } from "zod";

/** One line of an invoice of an online shop. The file has no key of its own, so its position there is the key. */
export const line = entity("line", {
  schema: z.object({
    seq: z.int(),
    invoiceNo: z.string(), // "C…" is a cancellation, "A…" a bad-debt booking
    stockCode: z.string(),
    description: z.string().optional(),
    quantity: z.int(), // negative when goods come back
    unitPrice: decimal(3),
    total: decimal(3),
    at: z.date(),
    customerId: z.string().optional(),
    country: z.string(),
  }),
  key: ["seq"],
  // A booked line never changes; what was wrong is cancelled by another line.
  appendOnly: true,
});

export default defineModel({
  entities: { line },
  patterns: {
    lineBySeq: get(line),
    linesByCustomer: list(line, { by: ["customerId"], order: { at: "desc", seq: "desc" } }),
    linesByInvoice: list(line, { by: ["invoiceNo"], order: { seq: "asc" }, consistency: "eventual" }),
    linesByDay: list(line, { by: [day("at")], order: { at: "desc", seq: "desc" }, consistency: "eventual" }),
    topCustomers: top(line, {
      by: "customerId",
      sum: "total",
      where: { quantity: { gt: 0 } },
      range: day("at"),
      consistency: "eventual",
    }),
    revenueByCountry: top(line, {
      by: "country",
      sum: "total",
      where: { quantity: { gt: 0 } },
      range: day("at"),
      consistency: "eventual",
    }),
  },
  workload: {
    line: {
      records: 541_909,
      bytes: 230,
      writesPerSecond: 20,
      hottestKeyShare: 0.02,
      distinct: { customerId: 4_372, invoiceNo: 25_900, country: 38 },
    },
    linesByCustomer: { readsPerSecond: 300, rows: 20 },
    linesByInvoice: { readsPerSecond: 100, rows: 21 },
    linesByDay: { readsPerSecond: 1 },
    topCustomers: { readsPerSecond: 0.1, rows: 10 },
    revenueByCountry: { readsPerSecond: 0.1, rows: 10 },
  },
});

/** How the columns of the UCI file become fields; `keyfold load` reads it. */
export const mappings = {
  line: {
    seq: { row: "number" },
    invoiceNo: "InvoiceNo",
    stockCode: "StockCode",
    description: "Description",
    quantity: "Quantity",
    unitPrice: "UnitPrice",
    total: {
      compute: ({ quantity, unitPrice }) =>
        quantity === undefined || unitPrice === undefined ? undefined : times(quantity, unitPrice),
    },
    at: { column: "InvoiceDate", parse: moment },
    customerId: "CustomerID",
    country: "Country",
  } satisfies Mapping<typeof line>,
};

/** A price times a quantity, exactly: in whole thousandths, and back. */
function times(quantity: number, price: Decimal): Decimal {
  const thousandths = quantity * Number(price.replace(".", ""));
  if (!Number.isSafeInteger(thousandths)) throw new Error(`${quantity} × ${price} is too large`);
  const digits = String(Math.abs(thousandths)).padStart(4, "0");
  return `${thousandths < 0 ? "-" : ""}${digits.slice(0, -3)}.${digits.slice(-3)}` as Decimal;
}

/** "12/1/2010 8:26": month, day, year, hour, minute; the file names no zone, so it is read as UTC. */
function moment(text: string): Date {
  const parts = /^(\d{1,2})\/(\d{1,2})\/(\d{4}) (\d{1,2}):(\d{2})$/.exec(text);
  if (parts === null) throw new Error(`${JSON.stringify(text)} is not of the form 12/31/2010 8:26`);
  const [month, date, year, hour, minute] = parts.slice(1).map(Number) as [number, number, number, number, number];
  const at = new Date(Date.UTC(year, month - 1, date, hour, minute));
  // Date repairs "2/30/2011" into March 2nd: refuse it.
  if (at.getUTCMonth() !== month - 1 || at.getUTCDate() !== date || hour > 23 || minute > 59) {
    throw new Error(`${JSON.stringify(text)} is not a moment of the calendar`);
  }
  return at;
}
