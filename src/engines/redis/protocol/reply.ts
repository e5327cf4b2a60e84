/**
 * Replies as values. A command returns one of these and only the codec turns it into bytes, so that a command can be
 * called by a connection, by EXEC and by a script alike. Strings hold bytes: one character (0–255) for each.
 */

/** A status such as `OK`. */
export class Status {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** An error; the text begins with its code (`ERR`, `WRONGTYPE`, …). Thrown or returned, both are the reply. */
export class ErrorReply {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** An error that is counted already, by the command inside a script that gave it. */
export class CountedError extends ErrorReply {}

/** A floating-point number: RESP3's own type, a bulk string in RESP2. */
export class Double {
  readonly value: number;
  /** Its digits, where they are not the shortest ones. */
  readonly text: string | undefined;
  constructor(value: number, text?: string) {
    this.value = value;
    this.text = text;
  }
}

/** A map, as keys and values in turn; a flat array in RESP2. */
export class ReplyMap {
  readonly flat: readonly Reply[];
  constructor(flat: readonly Reply[]) {
    this.flat = flat;
  }
}

/** A set; an array in RESP2. */
export class ReplySet {
  readonly items: readonly Reply[];
  constructor(items: readonly Reply[]) {
    this.items = items;
  }
}

/** Out-of-band data; an array in RESP2. */
export class Push {
  readonly items: readonly Reply[];
  constructor(items: readonly Reply[]) {
    this.items = items;
  }
}

/** Text with its format, `txt` or `mkd`; a bulk string in RESP2. */
export class Verbatim {
  readonly format: string;
  readonly text: string;
  constructor(text: string, format = "txt") {
    this.text = text;
    this.format = format;
  }
}

/** Bytes that are a reply already, one text for each version of the protocol. */
export class Raw {
  readonly resp2: string;
  readonly resp3: string;
  constructor(resp2: string, resp3 = resp2) {
    this.resp2 = resp2;
    this.resp3 = resp3;
  }
}

/** Several replies to one request, one after the other (subscriptions). */
export class ReplySequence {
  readonly items: readonly Reply[];
  constructor(items: readonly Reply[]) {
    this.items = items;
  }
}

export type Reply =
  | string
  | number
  | bigint
  | boolean
  | null
  | Status
  | ErrorReply
  | Double
  | ReplyMap
  | ReplySet
  | Push
  | Verbatim
  | Raw
  | ReplySequence
  | readonly Reply[];

export const OK = new Status("OK");
export const PONG = new Status("PONG");
export const QUEUED = new Status("QUEUED");
/** Null where RESP2 answers with a null array. */
export const NULL_ARRAY = new Raw("*-1\r\n", "_\r\n");
/** The command has answered by itself, or will (blocked, replies off). */
export const NO_REPLY = new Raw("", "");
export const EMPTY_ARRAY: readonly Reply[] = [];

export const WRONGTYPE = new ErrorReply("WRONGTYPE Operation against a key holding the wrong kind of value");
export const SYNTAX = new ErrorReply("ERR syntax error");
export const NOT_INTEGER = new ErrorReply("ERR value is not an integer or out of range");
export const NOT_FLOAT = new ErrorReply("ERR value is not a valid float");
export const OUT_OF_RANGE = new ErrorReply("ERR index out of range");
export const NO_SUCH_KEY = new ErrorReply("ERR no such key");

/** Makes an error with the general code. */
export function err(text: string): ErrorReply {
  return new ErrorReply(`ERR ${text}`);
}

export const OUT_OF_MEMORY = new ErrorReply("OOM command not allowed when used memory > 'maxmemory'.");
