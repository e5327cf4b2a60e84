import { LuaError, type LuaValue } from "./values.js";

/** Most captures of a pattern, and deepest nesting of its matching, as in Lua 5.1. */
const maxCaptures = 32;
const maxDepth = 200;

const positionCapture = -2;
const openCapture = -1;

/**
 * Lua's own patterns, after lstrlib.c of Lua 5.1.
 * @see https://www.lua.org/manual/5.1/manual.html#5.4.1
 */
export class PatternMatch {
  readonly #text: string;
  readonly #pattern: string;
  /** Start and length of each capture. */
  #starts: number[] = [];
  #lengths: number[] = [];
  #depth = 0;

  constructor(text: string, pattern: string) {
    this.#text = text;
    this.#pattern = pattern;
  }

  /** Tries to match at `from`, the pattern from `patternAt` on; the end of the match, or -1. */
  match(from: number, patternAt: number): number {
    this.#starts = [];
    this.#lengths = [];
    this.#depth = 0;
    return this.#match(from, patternAt);
  }

  get captureCount(): number {
    return this.#starts.length;
  }

  /** Capture `at`; the whole match for the first of a pattern that has none. */
  capture(at: number, from: number, to: number): LuaValue {
    if (at >= this.#starts.length) {
      if (at === 0) return this.#text.slice(from, to);
      throw new LuaError("invalid capture index");
    }
    const length = this.#lengths[at]!;
    if (length === openCapture) throw new LuaError("unfinished capture");
    const start = this.#starts[at]!;
    return length === positionCapture ? start + 1 : this.#text.slice(start, start + length);
  }

  /** All captures, or the whole match when there are none and `wholeIfNone`. */
  captures(from: number, to: number, wholeIfNone: boolean): LuaValue[] {
    const count = this.#starts.length === 0 && wholeIfNone ? 1 : this.#starts.length;
    return Array.from({ length: count }, (_, at) => this.capture(at, from, to));
  }

  #match(start: number, patternStart: number): number {
    if (++this.#depth > maxDepth * 1000) throw new LuaError("pattern too complex");
    try {
      return this.#matchHere(start, patternStart);
    } finally {
      this.#depth--;
    }
  }

  #matchHere(start: number, patternStart: number): number {
    const text = this.#text;
    const pattern = this.#pattern;
    let at = start;
    let p = patternStart;
    for (;;) {
      if (p === pattern.length) return at;
      switch (pattern[p]) {
        case "(":
          return pattern[p + 1] === ")"
            ? this.#startCapture(at, p + 2, positionCapture)
            : this.#startCapture(at, p + 1, openCapture);
        case ")":
          return this.#endCapture(at, p + 1);
        case "%":
          if (pattern[p + 1] === "b") {
            at = this.#matchBalance(at, p + 2);
            if (at < 0) return -1;
            p += 4;
            continue;
          }
          if (pattern[p + 1] === "f") {
            p += 2;
            if (pattern[p] !== "[") throw new LuaError("missing '[' after '%f' in pattern");
            const end = this.#classEnd(p);
            const previous = at === 0 ? 0 : text.charCodeAt(at - 1);
            const current = at < text.length ? text.charCodeAt(at) : 0;
            if (this.#matchSet(previous, p, end - 1) || !this.#matchSet(current, p, end - 1)) return -1;
            p = end;
            continue;
          }
          if (isDigit(pattern.charCodeAt(p + 1))) {
            at = this.#matchCapture(at, pattern.charCodeAt(p + 1));
            if (at < 0) return -1;
            p += 2;
            continue;
          }
          break;
        case "$":
          if (p + 1 === pattern.length) return at === text.length ? at : -1;
          break;
        default:
      }
      const end = this.#classEnd(p);
      const matches = at < text.length && this.#single(text.charCodeAt(at), p, end);
      switch (pattern[end]) {
        case "?": {
          if (matches) {
            const found = this.#match(at + 1, end + 1);
            if (found >= 0) return found;
          }
          p = end + 1;
          continue;
        }
        case "*":
          return this.#maxExpand(at, p, end);
        case "+":
          return matches ? this.#maxExpand(at + 1, p, end) : -1;
        case "-":
          return this.#minExpand(at, p, end);
        default:
          if (!matches) return -1;
          at++;
          p = end;
      }
    }
  }

  #maxExpand(start: number, p: number, end: number): number {
    let count = 0;
    while (start + count < this.#text.length && this.#single(this.#text.charCodeAt(start + count), p, end)) count++;
    for (; count >= 0; count--) {
      const found = this.#match(start + count, end + 1);
      if (found >= 0) return found;
    }
    return -1;
  }

  #minExpand(start: number, p: number, end: number): number {
    for (let at = start; ; at++) {
      const found = this.#match(at, end + 1);
      if (found >= 0) return found;
      if (at >= this.#text.length || !this.#single(this.#text.charCodeAt(at), p, end)) return -1;
    }
  }

  #startCapture(at: number, p: number, kind: number): number {
    if (this.#starts.length >= maxCaptures) throw new LuaError("too many captures");
    this.#starts.push(at);
    this.#lengths.push(kind);
    const found = this.#match(at, p);
    if (found < 0) {
      this.#starts.pop();
      this.#lengths.pop();
    }
    return found;
  }

  #endCapture(at: number, p: number): number {
    const open = this.#lengths.lastIndexOf(openCapture);
    if (open < 0) throw new LuaError("invalid pattern capture");
    this.#lengths[open] = at - this.#starts[open]!;
    const found = this.#match(at, p);
    if (found < 0) this.#lengths[open] = openCapture;
    return found;
  }

  #matchBalance(at: number, p: number): number {
    if (p + 1 >= this.#pattern.length) throw new LuaError("unbalanced pattern");
    const text = this.#text;
    if (text[at] !== this.#pattern[p]) return -1;
    const [open, close] = [this.#pattern[p], this.#pattern[p + 1]];
    let depth = 1;
    for (let i = at + 1; i < text.length; i++) {
      if (text[i] === close) {
        if (--depth === 0) return i + 1;
      } else if (text[i] === open) depth++;
    }
    return -1;
  }

  #matchCapture(at: number, digit: number): number {
    const index = digit - 0x31;
    if (index < 0 || index >= this.#starts.length || this.#lengths[index] === openCapture) {
      throw new LuaError("invalid capture index");
    }
    const captured = this.#text.substr(this.#starts[index]!, this.#lengths[index]!);
    return this.#text.startsWith(captured, at) ? at + captured.length : -1;
  }

  /** Where the single-character class that begins at `p` ends. */
  #classEnd(start: number): number {
    const pattern = this.#pattern;
    let p = start;
    const char = pattern[p++];
    if (char === "%") {
      if (p >= pattern.length) throw new LuaError("malformed pattern (ends with '%')");
      return p + 1;
    }
    if (char !== "[") return p;
    if (pattern[p] === "^") p++;
    do {
      if (p >= pattern.length) throw new LuaError("malformed pattern (missing ']')");
      if (pattern[p++] === "%" && p < pattern.length) p++;
    } while (pattern[p] !== "]");
    return p + 1;
  }

  #single(code: number, p: number, end: number): boolean {
    const pattern = this.#pattern;
    switch (pattern[p]) {
      case ".":
        return true;
      case "%":
        return matchClass(code, pattern[p + 1]!);
      case "[":
        return this.#matchSet(code, p, end - 1);
      default:
        return pattern.charCodeAt(p) === code;
    }
  }

  #matchSet(code: number, open: number, close: number): boolean {
    const pattern = this.#pattern;
    let p = open + 1;
    let wanted = true;
    if (pattern[p] === "^") {
      wanted = false;
      p++;
    }
    for (; p < close; p++) {
      if (pattern[p] === "%") {
        p++;
        if (matchClass(code, pattern[p]!)) return wanted;
      } else if (pattern[p + 1] === "-" && p + 2 < close) {
        if (pattern.charCodeAt(p) <= code && code <= pattern.charCodeAt(p + 2)) return wanted;
        p += 2;
      } else if (pattern.charCodeAt(p) === code) return wanted;
    }
    return !wanted;
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isLower(code: number): boolean {
  return code >= 0x61 && code <= 0x7a;
}

function isUpper(code: number): boolean {
  return code >= 0x41 && code <= 0x5a;
}

/** C's character classes in the C locale. */
function matchClass(code: number, letter: string): boolean {
  const lower = letter.toLowerCase();
  let matches: boolean;
  switch (lower) {
    case "a":
      matches = isLower(code) || isUpper(code);
      break;
    case "c":
      matches = code < 32 || code === 127;
      break;
    case "d":
      matches = isDigit(code);
      break;
    case "l":
      matches = isLower(code);
      break;
    case "p":
      matches = code > 32 && code < 127 && !(isLower(code) || isUpper(code) || isDigit(code));
      break;
    case "s":
      matches = code === 32 || (code >= 9 && code <= 13);
      break;
    case "u":
      matches = isUpper(code);
      break;
    case "w":
      matches = isLower(code) || isUpper(code) || isDigit(code);
      break;
    case "x":
      matches = isDigit(code) || (code >= 0x61 && code <= 0x66) || (code >= 0x41 && code <= 0x46);
      break;
    case "z":
      matches = code === 0;
      break;
    default:
      return letter.charCodeAt(0) === code;
  }
  return letter === lower ? matches : !matches;
}
