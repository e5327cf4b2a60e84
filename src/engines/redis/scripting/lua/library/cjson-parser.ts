import { parseNumber } from "../numbers.js";
import type { Machine } from "../runtime.js";
import { LuaTable, type LuaValue, type Userdata } from "../values.js";

const numberForm = /[+-]?(?:0[xX][0-9a-fA-F]+|inf(?:inity)?|nan|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/iy;
/** Forms that strtod takes and JSON has not: a sign +, leading zeros, hexadecimals, infinities. */
const invalidForm = /\+|-?(?:0[xX0-9]|inf|nan)/iy;
const plainText = /[^"\\\0]*/y;
const blanks = /[ \t\n\r]*/y;

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  t: "\t",
  n: "\n",
  f: "\f",
  r: "\r",
};

const tokenNames: Readonly<Record<string, string>> = {
  "{": "T_OBJ_BEGIN",
  "}": "T_OBJ_END",
  "[": "T_ARR_BEGIN",
  "]": "T_ARR_END",
  ":": "T_COLON",
  ",": "T_COMMA",
};

/** Reads JSON text (bytes) as lua-cjson does, with its messages; null becomes `none`. */
export class JsonParser {
  readonly #machine: Machine;
  readonly #text: string;
  readonly #deepest: number;
  readonly #invalidNumbers: boolean;
  readonly #none: Userdata;
  #at = 0;
  #depth = 0;

  constructor(machine: Machine, text: string, deepest: number, invalidNumbers: boolean, none: Userdata) {
    this.#machine = machine;
    this.#text = text;
    this.#deepest = deepest;
    this.#invalidNumbers = invalidNumbers;
    this.#none = none;
  }

  parse(): LuaValue {
    const text = this.#text;
    if (text.length >= 2 && (text[0] === "\0" || text[1] === "\0")) {
      throw this.#machine.error("JSON parser does not support UTF-16 or UTF-32");
    }
    this.#skip();
    const value = this.#value();
    this.#skip();
    if (!this.#ended) throw this.#unexpected("the end");
    return value;
  }

  get #ended(): boolean {
    return this.#at >= this.#text.length || this.#text[this.#at] === "\0";
  }

  #skip(): void {
    const code = this.#text.charCodeAt(this.#at);
    if (code > 32) return;
    blanks.lastIndex = this.#at;
    blanks.test(this.#text);
    this.#at = blanks.lastIndex;
  }

  #fail(expected: string, found: string, at: number): Error {
    return this.#machine.error(`Expected ${expected} but found ${found} at character ${at + 1}`);
  }

  /** The error for what stands here in place of something else. */
  #unexpected(expected: string): Error {
    const at = this.#at;
    if (this.#ended) return this.#fail(expected, "T_END", at);
    const char = this.#text[at]!;
    const name = tokenNames[char];
    if (name !== undefined) return this.#fail(expected, name, at);
    if (char === '"') {
      this.#string(expected);
      return this.#fail(expected, "T_STRING", at);
    }
    const word = this.#word();
    if (word !== undefined) return this.#fail(expected, word === this.#none ? "T_NULL" : "T_BOOLEAN", at);
    return this.#fail(expected, this.#number(expected) === undefined ? "invalid token" : "T_NUMBER", at);
  }

  #word(): LuaValue {
    const text = this.#text;
    const at = this.#at;
    for (const [word, value] of [
      ["true", true],
      ["false", false],
      ["null", this.#none],
    ] as const) {
      if (!text.startsWith(word, at)) continue;
      this.#at += word.length;
      return value;
    }
    return undefined;
  }

  #number(expected: string): number | undefined {
    const text = this.#text;
    const char = text[this.#at]!;
    const digits = char === "-" || (char >= "0" && char <= "9");
    invalidForm.lastIndex = this.#at;
    const invalid = invalidForm.test(text);
    if (!digits && !(invalid && this.#invalidNumbers)) return undefined;
    if (invalid && !this.#invalidNumbers) throw this.#fail(expected, "invalid number", this.#at);
    numberForm.lastIndex = this.#at;
    const match = numberForm.exec(text);
    if (match === null) throw this.#fail(expected, "invalid number", this.#at);
    this.#at += match[0].length;
    return parseNumber(match[0]) ?? Number(match[0]);
  }

  #value(): LuaValue {
    const char = this.#text[this.#at];
    switch (char) {
      case '"':
        return this.#string("value");
      case "{":
        return this.#object();
      case "[":
        return this.#array();
      case "t":
      case "f":
      case "n": {
        const word = this.#word();
        if (word !== undefined) return word;
      }
    }
    if (char === undefined || char === "\0" || tokenNames[char] !== undefined) throw this.#unexpected("value");
    const number = this.#number("value");
    if (number === undefined) throw this.#fail("value", "invalid token", this.#at);
    return number;
  }

  #descend(): void {
    if (++this.#depth > this.#deepest) {
      throw this.#machine.error(`Found too many nested data structures (${this.#depth}) at character ${this.#at + 1}`);
    }
  }

  #object(): LuaTable {
    this.#descend();
    this.#at++;
    const table = new LuaTable();
    this.#skip();
    if (this.#text[this.#at] === "}") {
      this.#at++;
      this.#depth--;
      return table;
    }
    for (;;) {
      if (this.#text[this.#at] !== '"') throw this.#unexpected("object key string");
      const key = this.#string("object key string");
      this.#skip();
      if (this.#text[this.#at] !== ":") throw this.#unexpected("colon");
      this.#at++;
      this.#skip();
      table.set(key, this.#value());
      this.#skip();
      const next = this.#text[this.#at];
      if (next !== "," && next !== "}") throw this.#unexpected("comma or object end");
      this.#at++;
      if (next === "}") {
        this.#depth--;
        return table;
      }
      this.#skip();
    }
  }

  #array(): LuaTable {
    this.#descend();
    this.#at++;
    const table = new LuaTable();
    this.#skip();
    if (this.#text[this.#at] === "]") {
      this.#at++;
      this.#depth--;
      return table;
    }
    for (let place = 1; ; place++) {
      table.set(place, this.#value());
      this.#skip();
      const next = this.#text[this.#at];
      if (next !== "," && next !== "]") throw this.#unexpected("comma or array end");
      this.#at++;
      if (next === "]") {
        this.#depth--;
        return table;
      }
      this.#skip();
    }
  }

  #string(expected: string): string {
    const text = this.#text;
    let out = "";
    this.#at++;
    for (;;) {
      plainText.lastIndex = this.#at;
      plainText.test(text);
      out += text.slice(this.#at, plainText.lastIndex);
      this.#at = plainText.lastIndex;
      const char = text[this.#at];
      if (char === '"') {
        this.#at++;
        return out;
      }
      if (char !== "\\") throw this.#fail(expected, "unexpected end of string", this.#at);
      const kind = text[this.#at + 1] ?? "";
      if (kind === "u") {
        out += this.#unicode(expected);
        continue;
      }
      const escaped = escapes[kind];
      if (escaped === undefined) throw this.#fail(expected, "invalid escape code", this.#at);
      out += escaped;
      this.#at += 2;
    }
  }

  #hex(at: number): number | undefined {
    const digits = this.#text.slice(at, at + 4);
    return /^[0-9a-fA-F]{4}$/.test(digits) ? Number.parseInt(digits, 16) : undefined;
  }

  /** `\uXXXX`, or two of them for one character, as the bytes of UTF-8. */
  #unicode(expected: string): string {
    const first = this.#hex(this.#at + 2);
    const bad = (): Error => this.#fail(expected, "invalid unicode escape code", this.#at);
    if (first === undefined) throw bad();
    let length = 6;
    let code = first;
    if ((first & 0xf800) === 0xd800) {
      if (first & 0x400 || this.#text[this.#at + 6] !== "\\" || this.#text[this.#at + 7] !== "u") throw bad();
      const second = this.#hex(this.#at + 8);
      if (second === undefined || (second & 0xfc00) !== 0xdc00) throw bad();
      code = (((first & 0x3ff) << 10) | (second & 0x3ff)) + 0x10000;
      length = 12;
    }
    this.#at += length;
    return Buffer.from(String.fromCodePoint(code), "utf8").toString("latin1");
  }
}
