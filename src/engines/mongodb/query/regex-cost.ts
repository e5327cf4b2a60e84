/**
 * How long a JavaScript regular expression may backtrack, judged by its source: the ways to match are at most
 * `2^fixed × length^powers / powers!`. It is a bound from above, so that what it calls cheap is cheap.
 */
export interface PatternCost {
  /** Twofold choices: alternatives, optional parts. */
  readonly fixed: number;
  /** Repetitions, each of which can end anywhere. `Infinity` when one repeats what has choices in itself. */
  readonly powers: number;
}

const group = /\((?:\?(?:[:=!]|<[=!]|<\w+>))?/y;
const atomText = /\\(?:k<\w+>|[pP]\{[^}]*\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)|\[(?:\\.|[^\]\\])*\]|./suy;
const quantifierText = /(?:([*+?])|\{(\d+)(,(\d*))?\})\??/y;
const oneCharacter = /^(?:\\(?:[pP]\{[^}]*\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[^bBk0-9a-zA-Z])|\[.+\]|[^\\^$()[\]])$/su;

/** Judges the source of an expression in Unicode mode. */
export function costOf(source: string, ignoreCase = false): PatternCost {
  const judge = new Judge(source, ignoreCase);
  const { cost, alternatives } = judge.sequence(0);
  const anchored = alternatives === 1 && source.startsWith("^");
  return anchored ? cost : { fixed: cost.fixed, powers: cost.powers + 1 };
}

/** The binary logarithm of the ways to match a text of this length. */
export function bitsFor({ fixed, powers }: PatternCost, length: number): number {
  if (!Number.isFinite(powers)) return powers;
  let bits = fixed;
  for (let i = 1; i <= powers; i++) bits += Math.log2((length + i) / i);
  return bits;
}

interface Judged {
  readonly cost: PatternCost;
  readonly alternatives: number;
  /** The index behind the sequence. */
  readonly end: number;
}

class Judge {
  readonly #source: string;
  readonly #flags: string;

  constructor(source: string, ignoreCase: boolean) {
    this.#source = source;
    this.#flags = ignoreCase ? "ui" : "u";
  }

  /** Alternatives up to the closing parenthesis or the end. */
  sequence(from: number): Judged {
    const source = this.#source;
    let at = from;
    let fixed = 0;
    let powers = 0;
    // What each alternative begins with, where that is one character.
    const heads: (string | undefined)[] = [undefined];
    let first = true;
    while (at < source.length && source[at] !== ")") {
      if (source[at] === "|") {
        heads.push(undefined);
        first = true;
        at++;
        continue;
      }
      let inner: PatternCost = { fixed: 0, powers: 0 };
      let atom: string | undefined;
      if (source[at] === "(") {
        group.lastIndex = at;
        at += group.exec(source)![0].length;
        const enclosed = this.sequence(at);
        inner = enclosed.cost;
        at = enclosed.end + 1;
      } else {
        atom = matchAt(atomText, source, at)![0];
        at += atom.length;
      }
      const quantifier = matchAt(quantifierText, source, at);
      if (quantifier === null) {
        if (first) heads[heads.length - 1] = atom;
      } else {
        at += quantifier[0].length;
        const [min, max] = boundsOf(quantifier);
        if (first && min > 0) heads[heads.length - 1] = atom;
        // Where what follows cannot be one more repetition, there is one place to stop.
        const next = atom === undefined ? undefined : this.#mandatoryAtom(at);
        inner = next !== undefined && this.#disjoint(atom!, next) ? { fixed: 0, powers: 0 } : repeated(inner, min, max);
      }
      first = false;
      fixed += inner.fixed;
      powers += inner.powers;
    }
    const alternatives = heads.length;
    if (alternatives > 1 && !this.#distinct(heads)) fixed += Math.log2(alternatives);
    return { cost: { fixed, powers }, alternatives, end: at };
  }

  /** The atom at an index if it has to come exactly there and once at least. */
  #mandatoryAtom(at: number): string | undefined {
    if (at >= this.#source.length || "()|".includes(this.#source[at]!)) return undefined;
    const atom = matchAt(atomText, this.#source, at)![0];
    const quantifier = matchAt(quantifierText, this.#source, at + atom.length);
    return quantifier !== null && boundsOf(quantifier)[0] === 0 ? undefined : atom;
  }

  #distinct(heads: readonly (string | undefined)[]): boolean {
    if (heads.length > 20) return false;
    return heads.every(
      (head, i) => head !== undefined && heads.slice(i + 1).every((other) => this.#disjoint(head, other!)),
    );
  }

  /** Whether no character belongs to both atoms; false where an atom is not one character. */
  #disjoint(a: string | undefined, b: string | undefined): boolean {
    if (a === undefined || b === undefined || !oneCharacter.test(a) || !oneCharacter.test(b)) return false;
    const one = new RegExp(`^${a}$`, this.#flags);
    const other = new RegExp(`^${b}$`, this.#flags);
    for (let code = 0; code <= 0x10ffff; code += code < 0x20000 ? 1 : 0xff) {
      const char = String.fromCodePoint(code);
      if (one.test(char) && other.test(char)) return false;
    }
    return true;
  }
}

function matchAt(regex: RegExp, source: string, at: number): RegExpExecArray | null {
  regex.lastIndex = at;
  return regex.exec(source);
}

function boundsOf([, sign, from, comma, to]: RegExpExecArray): [number, number] {
  if (sign !== undefined) return [sign === "+" ? 1 : 0, sign === "?" ? 1 : Number.POSITIVE_INFINITY];
  const min = Number(from);
  return [min, comma === undefined ? min : to === "" || to === undefined ? Number.POSITIVE_INFINITY : Number(to)];
}

function repeated(inner: PatternCost, min: number, max: number): PatternCost {
  if (max === Number.POSITIVE_INFINITY) return { fixed: 0, powers: inner.fixed > 0 || inner.powers > 0 ? max : 1 };
  return { fixed: Math.log2(max - min + 1) + inner.fixed * max, powers: inner.powers * max };
}
