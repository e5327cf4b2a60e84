const escapes: Record<string, string> = { n: "\n", r: "\r", t: "\t", b: "\b", a: "\x07" };

function isSpace(c: string | undefined): boolean {
  return c === " " || c === "\t" || c === "\n" || c === "\r" || c === "\v" || c === "\f";
}

/** Splits a line typed by hand into arguments, quotes and escapes as Redis has them; undefined for unbalanced quotes. */
export function splitArguments(line: string): string[] | undefined {
  const out: string[] = [];
  // A zero byte ends the line, as in C.
  const zero = line.indexOf("\0");
  const text = zero < 0 ? line : line.slice(0, zero);
  let at = 0;
  while (true) {
    while (at < text.length && isSpace(text[at])) at++;
    if (at >= text.length) return out;
    let current = "";
    let quote = "";
    while (true) {
      const c = text[at];
      if (quote === '"') {
        if (c === undefined) return undefined;
        if (c === "\\" && text[at + 1] === "x" && /^[0-9a-fA-F]{2}$/.test(text.slice(at + 2, at + 4))) {
          current += String.fromCharCode(Number.parseInt(text.slice(at + 2, at + 4), 16));
          at += 3;
        } else if (c === "\\" && at + 1 < text.length) {
          at++;
          current += escapes[text[at]!] ?? text[at]!;
        } else if (c === '"') {
          if (at + 1 < text.length && !isSpace(text[at + 1])) return undefined;
          at++;
          break;
        } else current += c;
      } else if (quote === "'") {
        if (c === undefined) return undefined;
        if (c === "\\" && text[at + 1] === "'") {
          at++;
          current += "'";
        } else if (c === "'") {
          if (at + 1 < text.length && !isSpace(text[at + 1])) return undefined;
          at++;
          break;
        } else current += c;
      } else {
        if (c === undefined || c === " " || c === "\n" || c === "\r" || c === "\t") break;
        if (c === '"' || c === "'") quote = c;
        else current += c;
      }
      at++;
    }
    out.push(current);
  }
}
