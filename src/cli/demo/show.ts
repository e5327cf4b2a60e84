/** The demo's answers, as a person reads them. */

import { cellText, displayWidth, tableLines } from "../output/table.js";
import type { Paint } from "../output/terminal.js";
import type { Answer } from "./ask.js";
import { type DemoResult, duration } from "./result.js";

const BAR = 24;

/** All that follows the steps, for a terminal of so many columns. */
export function show(result: DemoResult, paint: Paint, columns = Number.POSITIVE_INFINITY): string {
  const { answers } = result;
  const find = (name: string): Answer => answers.find((answer) => answer.pattern === name) as Answer;
  const lines: string[] = [""];

  lines.push(...questions(answers, columns, paint), "");

  const [line] = find("lineBySeq").sample;
  if (line !== undefined) {
    lines.push(
      `  ${paint("bold", `Line ${cellText(line["seq"])}`)}  ${cellText(line["quantity"])} × ${cellText(line["description"]).trim()} at ${pounds(String(line["unitPrice"]))} = ${pounds(String(line["total"]))}`,
      "",
    );
  }
  lines.push(`  ${paint("bold", "Latest lines of the best customer")}`);
  lines.push(
    ...tableLines(
      ["at", "invoice", "item", "qty", "total"],
      find("linesByCustomer").sample.map((row) => [
        minute(row["at"]),
        cellText(row["invoiceNo"]),
        cellText(row["description"]),
        cellText(row["quantity"]),
        cellText(row["total"]),
      ]),
      { paint, indent: "  " },
    ),
    "",
  );
  lines.push(
    `  ${paint("bold", "Top customers, December 2010")}`,
    ...bars(find("topCustomers"), "customerId", paint),
    "",
  );
  lines.push(
    `  ${paint("bold", "Revenue by country, all time")}`,
    ...bars(find("revenueByCountry"), "country", paint),
    "",
  );
  for (const reject of result.rejects.slice(0, 3))
    lines.push(`  ${paint("red", "rejected")} line ${reject.line}: ${reject.reason}`);
  lines.push(
    `  ${paint("dim", `All through ${result.embedded ? "the embedded engine, " : ""}the official driver and a socket, in ${duration(result.totalMs)}.`)}`,
    `  ${paint("dim", `Next: npx keyfold plan ${result.model} --engine ${result.engine}`)}`,
    "",
  );
  return `${lines.join("\n")}\n`;
}

/** The table of questions; the indexes' names only where there is room for them. */
function questions(answers: readonly Answer[], columns: number, paint: Paint): string[] {
  const count = (number: number | undefined): string => (number === undefined ? "–" : number.toLocaleString("en"));
  const names = ["pattern", "asked with", "rows", "keys", "docs", "median", "index"];
  const rows = answers.map((answer) => [
    answer.pattern,
    answer.asked === "" ? "everything" : answer.asked,
    count(answer.rows),
    count(answer.keysExamined),
    count(answer.documentsExamined),
    `${answer.ms.toFixed(answer.ms < 10 ? 2 : 0)} ms`,
    answer.index ?? "–",
  ]);
  const table = tableLines(names, rows, { indent: "  " });
  const fits = table.every((line) => displayWidth(line) <= columns);
  const [head = "", ...body] = fits
    ? table
    : tableLines(
        names.slice(0, -1),
        rows.map((row) => row.slice(0, -1)),
        { indent: "  " },
      );
  return [paint("dim", head), ...body];
}

function bars(answer: Answer, by: string, paint: Paint): string[] {
  const totals = answer.sample.map((row) => Number(row["total"]));
  const most = Math.max(...totals, 1);
  const names = Math.max(0, ...answer.sample.map((row) => cellText(row[by]).length));
  const amounts = answer.sample.map((row) => pounds(String(row["total"])));
  const width = Math.max(0, ...amounts.map((text) => text.length));
  return answer.sample.map((row, at) => {
    const share = Math.max(0, (totals[at] as number) / most);
    const bar = "█".repeat(Math.max(1, Math.round(share * BAR))).padEnd(BAR);
    const count = Number(row["count"]).toLocaleString("en");
    return `  ${cellText(row[by]).padEnd(names)}  ${paint("cyan", bar)}  ${(amounts[at] as string).padStart(width)}  ${paint("dim", `${count} lines`)}`;
  });
}

/** "£27,834.61": cut to pennies for reading; the answer itself is exact. */
function pounds(total: string): string {
  const [whole = "0", fraction = ""] = total.replace("-", "").split(".");
  return `${total.startsWith("-") ? "−" : ""}£${BigInt(whole).toLocaleString("en")}.${fraction.padEnd(2, "0").slice(0, 2)}`;
}

function minute(at: unknown): string {
  return at instanceof Date ? at.toISOString().slice(0, 16).replace("T", " ") : "–";
}
