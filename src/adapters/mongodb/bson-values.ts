/**
 * BSON values that JavaScript has no type for, in the shape in which the driver's serializer takes them. The driver
 * refuses values of another major version of its `bson`, so the classes are made for the version in use.
 */

const VERSION = Symbol.for("@@mdb.bson.version");
/** bson 7 reads the type here, bson 6 at `_bsontype`. */
const TYPE = Symbol.for("@@mdb.bson.type");

/** A 64-bit integer. */
export interface LongValue {
  readonly low: number;
  readonly high: number;
}
/** A decimal of 34 digits, as its 16 bytes. */
export interface DecimalValue {
  readonly bytes: Uint8Array;
}

/** Constructors of BSON values for one major version of `bson`. */
export interface BsonValues {
  readonly version: number;
  long(low: number, high: number): LongValue;
  longOfNumber(value: number): LongValue;
  longOfBigInt(value: bigint): LongValue;
  double(value: number): object;
  decimal(bytes: Uint8Array): DecimalValue;
  uuid(bytes: Uint8Array): object;
  binary(bytes: Uint8Array): object;
  timestamp(low: number, high: number): LongValue;
  /** Greater than any other value. */
  readonly maxKey: object;
}

const made = new Map<number, BsonValues>();

/** BSON values for a major version of `bson` (6 or 7); the same object each time. */
export function bsonValues(version: number): BsonValues {
  let values = made.get(version);
  if (values === undefined) {
    values = make(version);
    made.set(version, values);
  }
  return values;
}

function make(version: number): BsonValues {
  abstract class Value {
    abstract get _bsontype(): string;
    get [VERSION](): number {
      return version;
    }
    get [TYPE](): string {
      return this._bsontype;
    }
  }
  class Long extends Value {
    readonly low: number;
    readonly high: number;
    readonly unsigned: boolean = false;
    constructor(low: number, high: number) {
      super();
      this.low = low;
      this.high = high;
    }
    get _bsontype(): string {
      return "Long";
    }
    getLowBits(): number {
      return this.low;
    }
    getHighBits(): number {
      return this.high;
    }
  }
  class Timestamp extends Long {
    override readonly unsigned: boolean = true;
    override get _bsontype(): string {
      return "Timestamp";
    }
    /** The driver compares cluster times with this. */
    greaterThan(other: LongValue): boolean {
      const a = this.high >>> 0;
      const b = other.high >>> 0;
      return a === b ? this.low >>> 0 > other.low >>> 0 : a > b;
    }
  }
  class Double extends Value {
    readonly value: number;
    constructor(value: number) {
      super();
      this.value = value;
    }
    get _bsontype(): string {
      return "Double";
    }
  }
  class Decimal128 extends Value {
    readonly bytes: Uint8Array;
    constructor(bytes: Uint8Array) {
      super();
      this.bytes = bytes;
    }
    get _bsontype(): string {
      return "Decimal128";
    }
  }
  class Binary extends Value {
    readonly buffer: Uint8Array;
    readonly position: number;
    readonly sub_type: number;
    constructor(bytes: Uint8Array, subType: number) {
      super();
      this.buffer = bytes;
      this.position = bytes.length;
      this.sub_type = subType;
    }
    get _bsontype(): string {
      return "Binary";
    }
  }
  class MaxKey extends Value {
    get _bsontype(): string {
      return "MaxKey";
    }
  }
  return {
    version,
    maxKey: new MaxKey(),
    long: (low, high) => new Long(low, high),
    longOfNumber: (value) => new Long(value | 0, Math.floor(value / 4_294_967_296) | 0),
    longOfBigInt: (value) => new Long(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))),
    double: (value) => new Double(value),
    decimal: (bytes) => new Decimal128(bytes),
    uuid: (bytes) => new Binary(bytes, 4),
    binary: (bytes) => new Binary(bytes, 0),
    timestamp: (low, high) => new Timestamp(low, high),
  };
}

/** The major version of the `bson` that made a value, or undefined where it does not say. */
export function bsonVersionOf(value: unknown): number | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const version = (value as { readonly [VERSION]?: unknown })[VERSION];
  return typeof version === "number" ? version : undefined;
}

/** An int64 as the driver may give it (number, bigint or a Long), as a number. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "object" && value !== null && "low" in value && "high" in value) {
    return Number(value.high) * 4_294_967_296 + (Number(value.low) >>> 0);
  }
  if (typeof value === "object" && value !== null && "value" in value) return Number(value.value);
  return undefined;
}
