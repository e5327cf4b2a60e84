/** A generator of numbers in [0, 1) that repeats for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** What random requests are made of: a few keys, values, scores and ids, so that they meet each other. */
export class Chooser {
  readonly random: () => number;

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]!;
  }

  int(max: number): number {
    return Math.floor(this.random() * max);
  }

  /** Keys by kind, now and then one of another kind so that wrong types are met. */
  key(kind: string): string {
    const of = this.random() < 0.06 ? this.pick(["s", "l", "h", "t", "z", "x", "p", "g"]) : kind;
    return `${of}${this.int(3)}`;
  }

  /** A key of any kind. */
  any(): string {
    return this.key(this.pick(["s", "l", "h", "t", "z", "x", "p", "g"]));
  }

  value(): string {
    return this.pick([
      () => String(this.int(20) - 5),
      () => this.pick(["a", "b", "c", "d", "foo", "bar", "", "x".repeat(70), "3.5", "-0", "1e3", "\x00\xff\r\n"]),
      () => `m${this.int(12)}`,
      () => String(this.int(1_000_000) * 9_007_199_254),
    ])();
  }

  score(): string {
    return this.pick([
      ...["0", "1", "2", "2", "3.5", "-1", "1e3", "inf", "-inf", "(2", "nan", "x", "0.1", "17179869184.25"],
    ]);
  }

  index(): string {
    return String(this.int(12) - 6);
  }

  id(): string {
    return this.pick([
      ...["-", "+", "1-1", "2", "3-3", "5-*", "7-1", `${this.int(30)}-${this.int(3)}`, "(2-1", "bad", "0-0"],
    ]);
  }

  some(make: () => string, most = 3): string[] {
    return Array.from({ length: 1 + this.int(most) }, make);
  }
}
