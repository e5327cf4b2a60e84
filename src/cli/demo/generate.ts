/**
 * Invoice lines that look like those of the Online Retail data set (https://doi.org/10.24432/C5BW33): its columns, its
 * skew and its dirt, all made up. The same seed gives the same bytes.
 */

import { csvLine } from "../load/csv.js";

const HEADER = [
  "InvoiceNo",
  "StockCode",
  "Description",
  "Quantity",
  "InvoiceDate",
  "UnitPrice",
  "CustomerID",
  "Country",
];
const FIRST_DAY = Date.UTC(2010, 11, 1);
const DAYS = 374;

const looks = [
  "WHITE",
  "RED",
  "BLUE POLKADOT",
  "VINTAGE",
  "PINK",
  "WOODEN",
  "SILVER",
  "RETROSPOT",
  "IVORY",
  "REGENCY",
  "GLASS",
  "JUMBO",
  "MINI",
  "CREAM",
  "HANGING",
];
const things = [
  "LANTERN",
  "T-LIGHT HOLDER",
  "CAKE STAND",
  "LUNCH BAG",
  "TEACUP AND SAUCER",
  "PHOTO FRAME",
  "BUNTING",
  "COAT HANGER",
  "WATER BOTTLE",
  "ALARM CLOCK",
  "JAM JAR",
  "DOORMAT",
  "BIRD FEEDER",
  "SEWING KIT",
  "WALL CLOCK",
  "PICNIC BASKET",
  "HEART DECORATION",
  "PENCIL CASE",
  "NAPKINS, PACK OF 20",
  'SIGN "HOME SWEET HOME"',
  "CHRISTMAS STAR",
  "SPACEBOY PLATE",
  "£5 GIFT TAG",
  "CANDLE",
];
const countries = [
  "United Kingdom",
  "Germany",
  "France",
  "EIRE",
  "Spain",
  "Netherlands",
  "Belgium",
  "Switzerland",
  "Portugal",
  "Australia",
  "Norway",
  "Italy",
  "Channel Islands",
  "Finland",
  "Cyprus",
  "Sweden",
  "Austria",
  "Denmark",
  "Japan",
  "Poland",
  "USA",
  "Unspecified",
];
const stockNotes = ["damaged", "check", "lost", "found", "wrongly coded", "thrown away", "?"];

export interface GenerateOptions {
  readonly lines: number;
  /** Default 1. */
  readonly seed?: number;
}

/** The file, in pieces of many lines, its header first. */
export function* generateLines(options: GenerateOptions): Generator<Buffer> {
  const random = seeded(options.seed ?? 1);
  const below = (bound: number): number => Math.floor(random() * bound);
  // A few of them make most of the trade, as in the original.
  const few = (bound: number, skew: number): number => Math.floor(bound * random() ** skew);

  const products = Array.from({ length: 900 }, (_, at) => ({
    code: `${20_000 + at * 7}${at % 3 === 0 ? String.fromCharCode(65 + (at % 5)) : ""}`,
    description: `${looks[below(looks.length)]} ${things[below(things.length)]}${at % 5 === 0 ? " " : ""}`,
    price: at === 450 ? "0.001" : cents(20 + Math.floor(1_500 * random() ** 4)),
  }));
  const customers = Array.from({ length: 600 }, (_, at) => ({
    id: String(12_346 + at * 9),
    country: random() < 0.88 ? "United Kingdom" : (countries[1 + few(countries.length - 1, 2)] as string),
    size: 1 + Math.floor(24 * random() ** 2),
  }));

  let text = `${HEADER.join(",")}\n`;
  let written = 0;
  let invoice = 536_365;
  let at = FIRST_DAY;
  while (written < options.lines) {
    // The shop grows: later days have more invoices. It is closed on Saturdays and over the turn of the year.
    const progress = written / options.lines;
    let day = Math.min(DAYS - 1, Math.floor(DAYS * progress ** 0.8));
    while (isClosed(day)) day += 1;
    const opened = Math.floor(progress ** 0.8 * DAYS * 100) % 100;
    // In order of time, as the original is.
    at = Math.max(at, FIRST_DAY + day * 86_400_000 + (8 * 60 + 26 + opened * 5) * 60_000);
    const note = random() < 0.03;
    const cancelled = !note && random() < 0.12;
    const customer = !note && random() < 0.8 ? customers[few(customers.length, 2.2)] : undefined;
    const country = customer?.country ?? "United Kingdom";
    const size = note ? 1 : cancelled ? 1 + below(3) : 1 + below((customer?.size ?? 20) * 2);
    for (let line = 0; line < size && written < options.lines; line++) {
      const product = products[few(products.length, 2.5)] as (typeof products)[number];
      const many = 1 + Math.floor(60 * random() ** 3);
      const cells = [
        `${cancelled ? "C" : ""}${invoice}`,
        product.code,
        note ? (random() < 0.4 ? "" : (stockNotes[below(stockNotes.length)] as string)) : product.description,
        String(note || cancelled ? -many : many),
        usMoment(at),
        note ? "0" : product.price,
        customer?.id ?? "",
        country,
      ];
      text += `${csvLine(cells)}\n`;
      written += 1;
    }
    invoice += 1;
    if (text.length > 65_536) {
      yield Buffer.from(text);
      text = "";
    }
  }
  if (text !== "") yield Buffer.from(text);
}

function isClosed(day: number): boolean {
  const date = new Date(FIRST_DAY + day * 86_400_000);
  return (
    date.getUTCDay() === 6 ||
    (date.getUTCMonth() === 11 && date.getUTCDate() > 23) ||
    (date.getUTCMonth() === 0 && date.getUTCDate() < 4)
  );
}

/** "2.55"; whole amounts without a point, as the original has them. */
function cents(amount: number): string {
  const text = (amount / 100).toFixed(2);
  return text.replace(/\.?0+$/, "");
}

/** "12/1/2010 8:26" */
function usMoment(ms: number): string {
  const at = new Date(ms);
  const minute = String(at.getUTCMinutes()).padStart(2, "0");
  return `${at.getUTCMonth() + 1}/${at.getUTCDate()}/${at.getUTCFullYear()} ${at.getUTCHours()}:${minute}`;
}

/** Uniform in [0, 1): mulberry32, public domain. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
