import { KeyfoldError } from "../../internal/errors.js";

/** Boards that begin anew by the calendar. */
export interface PeriodOptions {
  /** Weeks begin on Monday. */
  readonly every: "day" | "week" | "month";
  /** Whose calendar, as an IANA name. Default "UTC". */
  readonly timeZone?: string;
  /** Full periods that a board is kept after its own has ended. Default 1. */
  readonly keep?: number;
}

/** One period: what its board is called, and when it begins, ends and is forgotten, in milliseconds since 1970. */
export interface Period {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly expireAt: number;
}

const DAY_MS = 86_400_000;

/** Finds the period of a moment. */
export class Periods {
  readonly #every: PeriodOptions["every"];
  readonly #keep: number;
  readonly #format: Intl.DateTimeFormat;
  #last: Period | undefined;

  constructor({ every, timeZone = "UTC", keep = 1 }: PeriodOptions) {
    if (!["day", "week", "month"].includes(every))
      throw new KeyfoldError("INPUT_INVALID", `period.every is day, week or month, not ${String(every)}.`);
    this.#every = every;
    this.#keep = keep;
    try {
      this.#format = new Intl.DateTimeFormat("en-u-ca-iso8601-hc-h23", {
        timeZone,
        ...{ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" },
      });
    } catch (cause) {
      throw new KeyfoldError("INPUT_INVALID", `There is no time zone "${timeZone}".`, { cause });
    }
  }

  /** The period that `time` lies in. */
  at(time: number): Period {
    if (this.#last !== undefined && time >= this.#last.from && time < this.#last.to) return this.#last;
    // Dates are counted as UTC midnights of the local calendar; only at the end do they become moments.
    const today = Math.floor(this.#local(time) / DAY_MS) * DAY_MS;
    const day = new Date(today);
    let first = today;
    if (this.#every === "week") first = today - ((day.getUTCDay() + 6) % 7) * DAY_MS;
    if (this.#every === "month") first = Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), 1);
    this.#last = {
      label: new Date(first).toISOString().slice(0, this.#every === "month" ? 7 : 10),
      from: this.#moment(first),
      to: this.#moment(this.#later(first, 1)),
      expireAt: this.#moment(this.#later(first, 1 + this.#keep)),
    };
    return this.#last;
  }

  #later(first: number, periods: number): number {
    if (this.#every === "day") return first + periods * DAY_MS;
    if (this.#every === "week") return first + periods * 7 * DAY_MS;
    const date = new Date(first);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + periods, 1);
  }

  /** The local clock's reading at a moment, as if it were UTC. */
  #local(time: number): number {
    const part: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(time)) part[type] = Number(value);
    return Date.UTC(part["year"]!, part["month"]! - 1, part["day"]!, part["hour"]!, part["minute"]!, part["second"]!);
  }

  /** The moment at which a local midnight comes; where the clock skips it, the first moment after. */
  #moment(midnight: number): number {
    let time = midnight;
    for (let i = 0; i < 3; i++) time -= this.#local(time) - midnight;
    while (this.#local(time) < midnight) time += 60_000;
    return time;
  }
}
