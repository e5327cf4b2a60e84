import { Decimal128 } from "bson";

/** One invoice line of the example's shape, about 220 bytes of BSON, different and repeatable for each number. */
export function lineDocument(number: number): Record<string, unknown> {
  const mixed = Math.imul(number ^ 0x9e3779b9, 0x85ebca6b) >>> 0;
  const quantity = (mixed % 40) - 2 || 1;
  const thousandths = 150 + (mixed % 9_000);
  return {
    _id: number,
    seq: number,
    invoiceNo: String(536_365 + ((number / 21) | 0)),
    stockCode: String(20_000 + (mixed % 4_000)),
    description: "WHITE HANGING HEART T-LIGHT HOLDER",
    quantity,
    unitPrice: decimal(thousandths),
    total: decimal(thousandths * quantity),
    at: new Date(1_291_191_960_000 + ((number / 21) | 0) * 1_180_000),
    ...(mixed % 4 === 0 ? {} : { customerId: String(12_000 + (mixed % 4_372)) }),
    country: mixed % 10 === 0 ? "Germany" : "United Kingdom",
  };
}

function decimal(thousandths: number): Decimal128 {
  const digits = String(Math.abs(thousandths)).padStart(4, "0");
  return Decimal128.fromString(`${thousandths < 0 ? "-" : ""}${digits.slice(0, -3)}.${digits.slice(-3)}`);
}
