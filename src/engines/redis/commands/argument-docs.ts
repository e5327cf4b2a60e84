import { type Reply, ReplyMap, ReplySet, Status } from "../protocol/reply.js";
import { argumentSyntax } from "./argument-syntax.js";

const types: Readonly<Record<string, string>> = {
  i: "integer",
  d: "double",
  p: "pattern",
  t: "unix-time",
  k: "key",
};

/** Reads {@link argumentSyntax} into what COMMAND DOCS answers. */
class SyntaxReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  #takes(sign: string): boolean {
    if (!this.#text.startsWith(sign, this.#at)) return false;
    this.#at += sign.length;
    return true;
  }

  /** A text in single quotes, or of letters, digits and lines. */
  #word(plain = /[\w-]*/y): string {
    if (this.#takes("'")) {
      const from = this.#at;
      this.#at = this.#text.indexOf("'", from);
      return this.#text.slice(from, this.#at++);
    }
    plain.lastIndex = this.#at;
    const [word] = plain.exec(this.#text)!;
    this.#at += word.length;
    return word;
  }

  /** Arguments up to a sign, or to the end. */
  list(separator: string, end: string): Reply[] {
    const out: Reply[] = [];
    while (this.#at < this.#text.length && !this.#takes(end)) {
      out.push(this.#argument());
      this.#takes(separator);
    }
    return out;
  }

  #argument(): Reply {
    const optional = this.#takes("[");
    const name = this.#word();
    const shown = this.#takes("~") ? this.#word() : name;
    let type = "string";
    if (this.#takes(":")) type = types[this.#text[this.#at++]!]!;
    let key: number | undefined;
    if (this.#takes("@")) {
      key = Number(this.#word(/\d/y));
      if (type === "string") type = "key";
    }
    let token: string | undefined;
    if (this.#takes("!")) {
      type = "pure-token";
      token = this.#word();
    } else if (this.#takes("=")) token = this.#word();
    let parts: Reply[] | undefined;
    if (this.#takes("(")) {
      type = "oneof";
      parts = this.list("|", ")");
    } else if (this.#takes("{")) {
      type = "block";
      parts = this.list(" ", "}");
    }
    const since = this.#takes("^") ? this.#word(/[\d.]*/y) : undefined;
    const until = this.#takes("-") ? this.#word(/[\d.]*/y) : undefined;
    const multiple = this.#takes("+");
    const multipleToken = this.#takes("+");
    if (optional) this.#takes("]");

    const out: Reply[] = ["name", name, "type", type];
    if (parts === undefined) out.push("display_text", shown);
    if (key !== undefined) out.push("key_spec_index", key);
    if (token) out.push("token", token);
    if (since !== undefined) out.push("since", since);
    if (until !== undefined) out.push("deprecated_since", until);
    const flags = [optional && "optional", multiple && "multiple", multipleToken && "multiple_token"];
    const set = flags.filter((flag) => flag !== false);
    if (set.length > 0) out.push("flags", new ReplySet(set.map((flag) => new Status(flag))));
    if (parts !== undefined) out.push("arguments", parts);
    return new ReplyMap(out);
  }
}

/** The arguments of a command for COMMAND DOCS, by its full name; undefined when it takes none. */
export function argumentDocs(fullName: string): Reply[] | undefined {
  const text = argumentSyntax[fullName];
  return text === undefined ? undefined : new SyntaxReader(text).list(" ", "\n");
}
