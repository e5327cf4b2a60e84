/** The Online Retail file and its answers, where they are at hand; they are no part of the repository. */

import { existsSync, readFileSync } from "node:fs";

const FOLDER = "../shared/data";
export const FILE = `${FOLDER}/online-retail.csv.gz`;
const ANSWERS = `${FOLDER}/online-retail.answers.json`;
export const there = existsSync(FILE) && existsSync(ANSWERS);
/** What a title says where they are not. */
export const skipped = there ? "" : ` (skipped: ${FILE} is not there)`;

export function readAnswers(): Answers {
  return JSON.parse(readFileSync(ANSWERS, "utf8")) as Answers;
}

export interface Line {
  readonly seq: number;
  readonly timestamp: string;
  readonly invoiceNo: string;
  readonly stockCode: string;
  readonly description: string;
  readonly quantity: number;
  readonly unitPrice: string;
  readonly lineTotal: string;
}
export interface Answers {
  readonly source: { readonly rows: number };
  readonly distinct: { readonly [what: string]: number };
  readonly rowsByKind: { readonly adjustment: number; readonly cancellation: number; readonly purchase: number };
  readonly topCustomersAllTime: readonly { customerId: string; spend: string; rows: number }[];
  readonly topCustomersDecember2010: readonly { customerId: string; spend: string; rows: number }[];
  readonly rowsPerDay: { readonly [day: string]: number };
  readonly rowsPerMonth: { readonly [month: string]: number };
  readonly identifiedCustomersPerMonth: { readonly [month: string]: number };
  readonly customer17850: {
    readonly rows: number;
    readonly latest5Rows: readonly Line[];
    readonly latest5RowsWithPositiveQuantity: readonly Line[];
    readonly latest5Invoices: readonly {
      invoiceNo: string;
      timestamp: string;
      lastSeq: number;
      rows: number;
      total: string;
    }[];
  };
  readonly revenuePerCountry: {
    readonly identified: readonly Country[];
    readonly positiveQuantity: { readonly countries: readonly Country[] };
    readonly net: { readonly countries: readonly Country[] };
    readonly totals: { readonly identified: string; readonly positiveQuantity: string; readonly net: string };
  };
  readonly topStockCodes: {
    readonly [kind in "positiveQuantity" | "net"]: readonly { stockCode: string; quantity: number; rows: number }[];
  };
  readonly largestCustomersByRows: readonly { customerId: string; rows: number }[];
  readonly descriptionSearch: { readonly hits: { readonly [words: string]: number } };
}
export interface Country {
  readonly country: string;
  readonly revenue: string;
  readonly revenueExact: string;
  readonly rows: number;
}
