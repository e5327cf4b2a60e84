import { mongoError } from "../errors.js";

/**
 * PCRE patterns as JavaScript regular expressions. The pattern is read once and written anew for JavaScript's Unicode
 * mode, so that what the two spell alike but mean differently comes out as PCRE means it: `.` stops at \n only, `$` also
 * matches before a last \n, `\s` and `\d` are ASCII, options may be set inside (`(?i)`, `(?s-m:…)`), groups may be atomic
 * and quantifiers possessive. What JavaScript cannot express (recursion, conditions, verbs, `\K`, `\G`) is refused.
 */
interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
  readonly x: boolean;
}

/**
 * Translates a pattern to the source of a JavaScript expression in Unicode mode.
 *
 * @param options of i, m, s, x, u, in any order
 * @throws MongoError 51091
 */
export function translatePattern(pattern: string, options: string): { source: string; ignoreCase: boolean } {
  const translator = new Translator(pattern, {
    i: options.includes("i"),
    m: options.includes("m"),
    s: options.includes("s"),
    x: options.includes("x"),
  });
  return { source: translator.run(), ignoreCase: translator.ignoreCase };
}

/** The error for a pattern that is not valid. */
export function invalid(reason: string): Error {
  return mongoError(51091, `Regular expression is invalid: ${reason}`);
}

const space = " \\t\\n\\v\\f\\r";
const horizontal = "\\t \\u00a0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000";
const vertical = "\\n\\v\\f\\r\\u0085\\u2028\\u2029";
const posix: Readonly<Record<string, string>> = {
  alpha: "A-Za-z",
  digit: "0-9",
  alnum: "A-Za-z0-9",
  upper: "A-Z",
  lower: "a-z",
  space,
  blank: " \\t",
  cntrl: "\\x00-\\x1f\\x7f",
  punct: "!-\\/:-@\\[-`\\{-~",
  print: " -~",
  graph: "!-~",
  xdigit: "A-Fa-f0-9",
  word: "\\w",
  ascii: "\\x00-\\x7f",
};
const simpleEscapes: Readonly<Record<string, number>> = { a: 7, e: 27, f: 12, n: 10, r: 13, t: 9 };
const generalCategory = /^(?:C[cfnos]?|L[lmotu&]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?)$/;

class Translator {
  readonly #pattern: string;
  #at = 0;
  #flags: Flags;
  #out: string[] = [];
  #groups = 0;
  #extraGroups = 0;
  readonly #names = new Map<string, number>();
  /** Whether the whole pattern ignores case, so that JavaScript's own flag does it. */
  readonly ignoreCase: boolean;

  constructor(pattern: string, flags: Flags) {
    this.#pattern = pattern;
    // Options at the very head hold for all of the pattern.
    let all = flags;
    for (;;) {
      const head = /^\(\?([imsx]+)\)/.exec(this.#pattern.slice(this.#at));
      if (head === null) break;
      all = setFlags(all, head[1]!, true);
      this.#at += head[0].length;
    }
    this.#flags = all;
    this.ignoreCase = all.i;
  }

  run(): string {
    this.#alternatives();
    if (this.#at < this.#pattern.length) throw invalid("unmatched closing parenthesis");
    return this.#out.join("");
  }

  /** Everything up to the closing parenthesis (not taken) or the end. */
  #alternatives(): void {
    const outer = this.#flags;
    while (this.#at < this.#pattern.length) {
      const char = this.#pattern[this.#at]!;
      if (char === ")") break;
      if (char === "|") {
        this.#out.push("|");
        this.#at++;
        continue;
      }
      const atom = this.#out.length;
      if (this.#atom()) this.#quantifier(atom);
    }
    this.#flags = outer;
  }

  /** One atom; false when what was read cannot be repeated (white space, options, an assertion of position). */
  #atom(): boolean {
    const pattern = this.#pattern;
    const char = pattern[this.#at]!;
    switch (char) {
      case "\\":
        return this.#escape();
      case "[":
        this.#class();
        return true;
      case "(":
        return this.#group();
      case ".":
        this.#at++;
        this.#out.push(this.#flags.s ? "[\\s\\S]" : "[^\\n]");
        return true;
      case "^":
        this.#at++;
        this.#out.push(this.#flags.m ? "(?:^|(?<=\\n)(?!$))" : "^");
        return false;
      case "$":
        this.#at++;
        this.#out.push(this.#flags.m ? "(?=\\n|$)" : "(?=\\n?$)");
        return false;
      case "*":
      case "+":
      case "?":
        throw invalid("quantifier does not follow a repeatable item");
      default:
    }
    if (this.#flags.x) {
      if (/[ \t\n\v\f\r]/.test(char)) {
        this.#at++;
        return false;
      }
      if (char === "#") {
        const end = pattern.indexOf("\n", this.#at);
        this.#at = end < 0 ? pattern.length : end + 1;
        return false;
      }
    }
    const code = pattern.codePointAt(this.#at)!;
    this.#at += code > 0xffff ? 2 : 1;
    this.#literal(code);
    return true;
  }

  #literal(code: number): void {
    const text = literalText(code);
    if (this.#flags.i && !this.ignoreCase) {
      const char = String.fromCodePoint(code);
      const lower = char.toLowerCase();
      const upper = char.toUpperCase();
      if (lower !== upper && [...lower].length === 1 && [...upper].length === 1) {
        this.#out.push(`[${literalText(lower.codePointAt(0)!)}${literalText(upper.codePointAt(0)!)}]`);
        return;
      }
    }
    this.#out.push(text);
  }

  #skipExtended(): void {
    while (this.#flags.x && this.#at < this.#pattern.length && /[ \t\n\v\f\r#]/.test(this.#pattern[this.#at]!)) {
      if (this.#pattern[this.#at] === "#") {
        const end = this.#pattern.indexOf("\n", this.#at);
        this.#at = end < 0 ? this.#pattern.length : end + 1;
      } else this.#at++;
    }
  }

  #quantifier(atom: number): void {
    this.#skipExtended();
    const rest = this.#pattern.slice(this.#at, this.#at + 24);
    const found = /^(?:[*+?]|\{\d+(?:,\d*)?\})/.exec(rest);
    if (found === null) return;
    let quantifier = found[0];
    this.#at += quantifier.length;
    const bounds = /^\{(\d+)(?:,(\d+))?/.exec(quantifier);
    if (bounds !== null) {
      if (Number(bounds[1]) > 65535 || Number(bounds[2] ?? 0) > 65535) {
        throw invalid("number too big in {} quantifier");
      }
      if (bounds[2] !== undefined && Number(bounds[2]) < Number(bounds[1])) {
        throw invalid("numbers out of order in {} quantifier");
      }
    }
    const next = this.#pattern[this.#at];
    let possessive = false;
    if (next === "?") {
      quantifier += "?";
      this.#at++;
    } else if (next === "+") {
      possessive = true;
      this.#at++;
    }
    const repeated = this.#out.splice(atom).join("");
    // A look-around cannot be repeated in JavaScript's Unicode mode.
    const body = /^\(\?(?:[=!]|<[=!])/.test(repeated) ? `(?:${repeated})` : repeated;
    this.#out.push(possessive ? this.#atomic(body + quantifier) : body + quantifier);
    // "a**" is an error in PCRE, "a{2}{3}" is not; JavaScript needs a group for it.
    if (/^\{\d+(?:,\d*)?\}/.test(this.#pattern.slice(this.#at, this.#at + 24))) {
      this.#out.push(`(?:${this.#out.splice(atom).join("")})`);
      this.#quantifier(atom);
    }
  }

  #atomic(body: string): string {
    const name = `a${++this.#extraGroups}`;
    return `(?=(?<${name}>${body}))\\k<${name}>`;
  }

  #group(): boolean {
    const pattern = this.#pattern;
    const rest = pattern.slice(this.#at, this.#at + 80);
    if (rest.startsWith("(*")) throw invalid("(*VERB) not recognized or malformed");
    if (rest.startsWith("(?#")) {
      const end = pattern.indexOf(")", this.#at);
      if (end < 0) throw invalid("missing ) after (?# comment");
      this.#at = end + 1;
      return false;
    }
    const options = /^\(\?(\^?[imsxnUJ]*)(?:-([imsxnUJ]*))?([:)])/.exec(rest);
    if (options !== null) {
      const [whole, on, off, end] = options;
      if (/[nUJ^]/.test(on! + (off ?? ""))) throw invalid("unsupported option in (?...)");
      this.#at += whole.length;
      const flags = setFlags(setFlags(this.#flags, on!, true), off ?? "", false);
      if (this.ignoreCase && !flags.i) throw invalid("case cannot be made significant again inside a pattern");
      if (end === ")") {
        this.#flags = flags;
        return false;
      }
      this.#enclose("(?:", flags);
      return true;
    }
    const look = /^\(\?(?:<?[=!])/.exec(rest);
    if (look !== null) {
      this.#at += look[0].length;
      this.#enclose(look[0], this.#flags);
      return true;
    }
    if (rest.startsWith("(?>")) {
      this.#at += 3;
      const from = this.#out.length;
      this.#enclose("(?:", this.#flags);
      this.#out.push(`(?:${this.#atomic(this.#out.splice(from).join(""))})`);
      return true;
    }
    const named = /^\(\?(?:P?<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')/.exec(rest);
    if (named !== null) {
      this.#at += named[0].length;
      this.#groups++;
      this.#names.set((named[1] ?? named[2])!, this.#groups);
      this.#enclose(`(?<g${this.#groups}>`, this.#flags);
      return true;
    }
    const reference = /^\(\?P=(\w+)\)/.exec(rest);
    if (reference !== null) {
      this.#at += reference[0].length;
      this.#reference(this.#numberOf(reference[1]!));
      return true;
    }
    if (rest.startsWith("(?")) throw invalid("unrecognized character after (? or (?-");
    this.#at++;
    this.#groups++;
    this.#enclose(`(?<g${this.#groups}>`, this.#flags);
    return true;
  }

  #enclose(open: string, flags: Flags): void {
    const outer = this.#flags;
    this.#flags = flags;
    this.#out.push(open);
    this.#alternatives();
    if (this.#pattern[this.#at] !== ")") throw invalid("missing closing parenthesis");
    this.#at++;
    this.#out.push(")");
    this.#flags = outer;
  }

  #numberOf(name: string): number {
    const number = this.#names.get(name);
    if (number === undefined) throw invalid("reference to non-existent subpattern");
    return number;
  }

  #reference(number: number): void {
    if (number === 0 || number > this.#groups) throw invalid("reference to non-existent subpattern");
    // In PCRE a group that took no part fails a reference to it; in JavaScript it matches the empty string.
    this.#out.push(`\\k<g${number}>`);
  }

  #escape(): boolean {
    const rest = this.#pattern.slice(this.#at, this.#at + 40);
    const char = rest[1];
    if (char === undefined) throw invalid("\\ at end of pattern");
    if (char === "Q") {
      const end = this.#pattern.indexOf("\\E", this.#at + 2);
      const text = this.#pattern.slice(this.#at + 2, end < 0 ? undefined : end);
      for (const each of [...text].slice(0, -1)) this.#literal(each.codePointAt(0)!);
      const last = [...text].at(-1);
      this.#at = end < 0 ? this.#pattern.length : end + 2;
      if (last === undefined) return false;
      // Only the last character is what a quantifier behind \E repeats; the caller takes all from its mark, so close here.
      const before = this.#out.length;
      this.#literal(last.codePointAt(0)!);
      this.#quantifier(before);
      return false;
    }
    if (char === "E") {
      this.#at += 2;
      return false;
    }
    if (/[1-9]/.test(char)) {
      const digits = /^\\(\d+)/.exec(rest)![1]!;
      if (digits.length === 1 || Number(digits) <= this.#groups) {
        this.#at += 1 + digits.length;
        this.#reference(Number(digits));
        return true;
      }
    }
    const named = /^\\(?:k(?:<(\w+)>|'(\w+)'|\{(\w+)\})|g\{?(-?\d+)\}?|g\{(\w+)\})/.exec(rest);
    if (named !== null) {
      this.#at += named[0].length;
      const relative = named[4] === undefined ? undefined : Number(named[4]);
      if (relative !== undefined) this.#reference(relative < 0 ? this.#groups + 1 + relative : relative);
      else this.#reference(this.#numberOf((named[1] ?? named[2] ?? named[3] ?? named[5])!));
      return true;
    }
    const assertions: Readonly<Record<string, string>> = {
      b: "\\b",
      B: "\\B",
      A: "^",
      z: "$",
      Z: "(?=\\n?$)",
    };
    if (assertions[char] !== undefined) {
      this.#at += 2;
      this.#out.push(assertions[char]);
      return false;
    }
    const sets: Readonly<Record<string, string>> = {
      N: "[^\\n]",
      R: "(?:\\r\\n|[\\n\\v\\f\\r\\u0085\\u2028\\u2029])",
    };
    if (sets[char] !== undefined) {
      this.#at += 2;
      this.#out.push(sets[char]);
      return true;
    }
    const set = this.#setEscape();
    if (set !== undefined) {
      this.#out.push(set.startsWith("\\") ? set : set.startsWith("^") ? `[${set}]` : `[${set}]`);
      return true;
    }
    this.#literal(this.#codeEscape(false));
    return true;
  }

  /** `\d`, `\S`, `\p{…}` and their like: the inside of a character class (`^…` for a negated one), or undefined. */
  #setEscape(): string | undefined {
    const rest = this.#pattern.slice(this.#at, this.#at + 60);
    const char = rest[1]!;
    const plain: Readonly<Record<string, string>> = {
      d: "0-9",
      D: "^0-9",
      w: "a-zA-Z0-9_",
      W: "^a-zA-Z0-9_",
      s: space,
      S: `^${space}`,
      h: horizontal,
      H: `^${horizontal}`,
      v: vertical,
      V: `^${vertical}`,
    };
    if (plain[char] !== undefined) {
      this.#at += 2;
      return plain[char];
    }
    const property = /^\\([pP])(?:\{(\^?)([A-Za-z_&]+)\}|([A-Z]))/.exec(rest);
    if (property === null) {
      if (char === "p" || char === "P") throw invalid("malformed \\P or \\p sequence");
      return undefined;
    }
    this.#at += property[0].length;
    const negated = (property[1] === "P") !== (property[2] === "^");
    const name = property[3] ?? property[4]!;
    const translated =
      name === "Any" ? "Any" : name === "L&" ? "LC" : generalCategory.test(name) ? name : `Script=${name}`;
    return `\\${negated ? "P" : "p"}{${translated}}`;
  }

  /** An escape that stands for one character; gives its code point. */
  #codeEscape(inClass: boolean): number {
    const rest = this.#pattern.slice(this.#at, this.#at + 20);
    const char = rest[1];
    if (char === undefined) throw invalid("\\ at end of pattern");
    const number =
      /^\\x\{([0-9a-fA-F]+)\}/.exec(rest) ?? /^\\x([0-9a-fA-F]{0,2})/.exec(rest) ?? /^\\o\{([0-7]+)\}/.exec(rest);
    if (number !== null) {
      this.#at += number[0].length;
      return codePoint(Number.parseInt(number[1] || "0", rest[1] === "o" ? 8 : 16));
    }
    const octal = /^\\([0-7]{1,3})/.exec(rest);
    if (octal !== null) {
      this.#at += octal[0].length;
      return codePoint(Number.parseInt(octal[1]!, 8));
    }
    if (char === "c") {
      const control = rest.charCodeAt(2);
      if (Number.isNaN(control)) throw invalid("\\c at end of pattern");
      this.#at += 3;
      return String.fromCharCode(control).toUpperCase().charCodeAt(0) ^ 64;
    }
    if (inClass && char === "b") {
      this.#at += 2;
      return 8;
    }
    if (simpleEscapes[char] !== undefined) {
      this.#at += 2;
      return simpleEscapes[char];
    }
    if (/[A-Za-z0-9]/.test(char)) throw invalid("unrecognized character follows \\");
    const code = this.#pattern.codePointAt(this.#at + 1)!;
    this.#at += 1 + (code > 0xffff ? 2 : 1);
    return code;
  }

  #class(): void {
    const pattern = this.#pattern;
    this.#at++;
    let negated = false;
    if (pattern[this.#at] === "^") {
      negated = true;
      this.#at++;
    }
    const parts: string[] = [];
    // Negated sets inside a class (\D, \S) become alternatives, which a negated class must exclude one by one.
    const negatedSets: string[] = [];
    let first = true;
    for (;;) {
      const char = pattern[this.#at];
      if (char === undefined) throw invalid("missing terminating ] for character class");
      if (char === "]" && !first) break;
      first = false;
      if (
        char === "[" &&
        /^\[[.=]/.test(pattern.slice(this.#at, this.#at + 2)) &&
        /^\[([.=]).*?\1\]/.test(pattern.slice(this.#at))
      ) {
        throw invalid("POSIX collating elements are not supported");
      }
      const named = char === "[" ? /^\[:(\^?)([a-z]+):\]/.exec(pattern.slice(this.#at, this.#at + 16)) : null;
      if (named !== null) {
        const set = posix[named[2]!];
        if (set === undefined) throw invalid("unknown POSIX class name");
        if (named[1] === "^") negatedSets.push(set);
        else parts.push(set);
        this.#at += named[0].length;
        continue;
      }
      if (char === "\\") {
        if (pattern[this.#at + 1] === "Q" || pattern[this.#at + 1] === "E") {
          this.#at += 2;
          continue;
        }
        const set = this.#setEscape();
        if (set !== undefined) {
          if (set.startsWith("^")) negatedSets.push(set.slice(1));
          else parts.push(set);
          continue;
        }
      }
      const from = this.#classCode();
      let to = from;
      if (pattern[this.#at] === "-" && pattern[this.#at + 1] !== "]" && pattern[this.#at + 1] !== undefined) {
        const back = this.#at;
        this.#at++;
        const isSet = pattern[this.#at] === "\\" && /[dDwWsShHvVpP]/.test(pattern[this.#at + 1] ?? "");
        if (isSet || /^\[:/.test(pattern.slice(this.#at, this.#at + 2))) this.#at = back;
        else to = this.#classCode();
        if (to < from) throw invalid("range out of order in character class");
        if (this.#at === back) {
          parts.push(literalText(from), "\\-");
          this.#at++;
          continue;
        }
      }
      parts.push(from === to ? literalText(from) : `${literalText(from)}-${literalText(to)}`);
      if (this.#flags.i && !this.ignoreCase) parts.push(otherCases(from, to));
    }
    this.#at++;
    if (negatedSets.length === 0) {
      this.#out.push(`[${negated ? "^" : ""}${parts.join("")}]`);
    } else if (negated) {
      this.#out.push(`(?:${negatedSets.map((set) => `(?=[${set}])`).join("")}[^${parts.join("")}])`);
    } else {
      this.#out.push(
        `(?:${[...negatedSets.map((set) => `[^${set}]`), ...(parts.length === 0 ? [] : [`[${parts.join("")}]`])].join("|")})`,
      );
    }
  }

  #classCode(): number {
    const char = this.#pattern[this.#at];
    if (char === undefined) throw invalid("missing terminating ] for character class");
    if (char === "\\") return this.#codeEscape(true);
    const code = this.#pattern.codePointAt(this.#at)!;
    this.#at += code > 0xffff ? 2 : 1;
    return code;
  }
}

function codePoint(code: number): number {
  if (code > 0x10ffff || Number.isNaN(code)) throw invalid("character code point value in \\x{} or \\o{} is too large");
  return code;
}

function setFlags(flags: Flags, letters: string, to: boolean): Flags {
  let { i, m, s, x } = flags;
  if (letters.includes("i")) i = to;
  if (letters.includes("m")) m = to;
  if (letters.includes("s")) s = to;
  if (letters.includes("x")) x = to;
  return { i, m, s, x };
}

/** A character as JavaScript's Unicode mode reads it anywhere, inside a class too. */
function literalText(code: number): string {
  if (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a) ||
    code === 0x5f
  ) {
    return String.fromCharCode(code);
  }
  if (code < 0x80 || (code >= 0xd800 && code <= 0xdfff)) return `\\u${code.toString(16).padStart(4, "0")}`;
  return String.fromCodePoint(code);
}

/** The other cases of the ASCII letters of a range, and of a single character. */
function otherCases(from: number, to: number): string {
  if (from === to) {
    const char = String.fromCodePoint(from);
    const other = char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase();
    return [...other].length === 1 ? literalText(other.codePointAt(0)!) : "";
  }
  let out = "";
  const lower = [Math.max(from, 0x61), Math.min(to, 0x7a)] as const;
  if (lower[0] <= lower[1]) out += `${literalText(lower[0] - 32)}-${literalText(lower[1] - 32)}`;
  const upper = [Math.max(from, 0x41), Math.min(to, 0x5a)] as const;
  if (upper[0] <= upper[1]) out += `${literalText(upper[0] + 32)}-${literalText(upper[1] + 32)}`;
  return out;
}
