/** Redis' glob patterns: `*`, `?`, `[abc]`, `[^a]`, `[a-z]`, and `\` before a character that stands for itself. */
export function globMatch(pattern: string, text: string, ignoreCase = false): boolean {
  if (pattern === "*") return true;
  if (ignoreCase) return match(pattern.toLowerCase(), 0, text.toLowerCase(), 0);
  return match(pattern, 0, text, 0);
}

/** Stars that may follow one another in a match. */
const maxStars = 1000;

/** Whether a pattern has nothing but literal characters. */
export function isLiteral(pattern: string): boolean {
  return !/[*?[\\]/.test(pattern);
}

/**
 * Matches without recursion: on a mismatch it goes back to the last star only, which is enough for globs and keeps the
 * time within length × length whatever the pattern.
 */
function match(pattern: string, p0: number, text: string, t0: number): boolean {
  let p = p0;
  let t = t0;
  let starP = -1;
  let starT = 0;
  let stars = 0;
  while (t < text.length) {
    const next = p < pattern.length ? one(pattern, p, text.charCodeAt(t)) : -1;
    if (p < pattern.length && pattern.charCodeAt(p) === 42) {
      // Redis gives up at this depth, and what it answers then is "no".
      if (++stars > maxStars) return false;
      starP = ++p;
      starT = t;
      if (p === pattern.length) return true;
    } else if (next > 0) {
      p = next;
      t++;
    } else if (starP >= 0) {
      p = starP;
      t = ++starT;
    } else return false;
  }
  while (p < pattern.length && pattern.charCodeAt(p) === 42) p++;
  return p === pattern.length;
}

/** The position after the element at `p` when it takes this character, else -1. */
function one(pattern: string, p: number, code: number): number {
  const c = pattern.charCodeAt(p);
  if (c === 63) return p + 1;
  if (c === 92 && p + 1 < pattern.length) return pattern.charCodeAt(p + 1) === code ? p + 2 : -1;
  if (c !== 91) return c === code ? p + 1 : -1;
  let at = p + 1;
  const not = pattern.charCodeAt(at) === 94;
  if (not) at++;
  let found = false;
  while (true) {
    if (at >= pattern.length) {
      // An unclosed class ends with the pattern.
      break;
    }
    const x = pattern.charCodeAt(at);
    if (x === 92 && at + 1 < pattern.length) {
      at++;
      if (pattern.charCodeAt(at) === code) found = true;
    } else if (x === 93) {
      at++;
      break;
    } else if (at + 2 < pattern.length && pattern.charCodeAt(at + 1) === 45) {
      let low = x;
      let high = pattern.charCodeAt(at + 2);
      if (low > high) [low, high] = [high, low];
      at += 2;
      if (code >= low && code <= high) found = true;
    } else if (x === code) found = true;
    at++;
  }
  return found !== not ? at : -1;
}
