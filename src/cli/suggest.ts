/** "Did you mean …?" */

import { UsageError } from "./errors.js";

/** The name nearest to what was written, if it is near enough to be a slip. */
export function nearest(written: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(written.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(written.toLowerCase(), name.toLowerCase());
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  return best;
}

/** A sentence with the near name first, else with all there are. */
export function didYouMean(written: string, names: readonly string[]): string {
  const near = nearest(written, names);
  const all =
    names.length === 0 ? "There are none." : `There ${names.length === 1 ? "is" : "are"}: ${names.join(", ")}.`;
  return near === undefined ? all : `Did you mean ${near}? ${all}`;
}

/** The error for a command that does not exist. */
export function unknownCommand(written: string, names: readonly string[]): UsageError {
  return new UsageError(
    `there is no command ${written}`,
    `${didYouMean(written, names)} keyfold --help tells what each does.`,
  );
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one text into the other (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] as number) + 1);
      row.push(cost);
    }
    before = last;
    last = row;
  }
  return last[b.length] as number;
}
