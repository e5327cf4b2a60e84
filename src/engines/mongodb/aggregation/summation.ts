import { Decimal128, Int32 } from "bson";
import {
  addDecimals,
  DecimalSum,
  decimalOfInteger,
  divideDecimals,
  exactDecimalOfDouble,
  packSmall,
} from "../bson/decimal128.js";
import { int32 } from "../bson/doc.js";
import type { Value } from "../bson/values.js";

const smallDecimal = 2 ** 52;

/**
 * What `$sum` and `$avg` add up: integers exactly, doubles with the error of each addition kept in a second double
 * (Knuth's two-sum, MongoDB's DoubleDoubleSummation), decimals on their own. The widest type that came decides the result.
 */
export class Summation {
  /** 0 none or int32, 1 int64, 2 double, 3 decimal */
  #widest = 0;
  #count = 0;
  // Integers: a double as long as it is exact, then a bigint beside it.
  #small = 0;
  #large = 0n;
  #sum = 0;
  #error = 0;
  // For infinities and NaN, which the compensated sum cannot carry.
  #plain = 0;
  // Decimals with one exponent are added as integers for as long as doubles hold those exactly.
  #units = 0;
  #exponent = 0;
  #hasUnits = false;
  readonly #decimals = new DecimalSum();

  /** How many numbers were added. */
  get count(): number {
    return this.#count;
  }

  /** Adds a value; what is not a number is left out. */
  add(value: Value | undefined): void {
    if (typeof value === "number") this.addDouble(value);
    else if (value instanceof Int32) this.addInt(value.value);
    else if (typeof value === "bigint") this.addLong(value);
    else if (value instanceof Decimal128) this.addDecimal(value);
  }

  addInt(value: number): void {
    this.#count++;
    const sum = this.#small + value;
    if (sum > Number.MAX_SAFE_INTEGER || sum < -Number.MAX_SAFE_INTEGER) {
      this.#large += BigInt(this.#small);
      this.#small = value;
    } else this.#small = sum;
  }

  addLong(value: bigint): void {
    this.#count++;
    if (this.#widest < 1) this.#widest = 1;
    this.#large += value;
  }

  addDouble(value: number): void {
    this.#count++;
    if (this.#widest < 2) this.#widest = 2;
    this.#plain += value;
    const a = this.#sum;
    const sum = a + value;
    const back = sum - a;
    this.#error += a - (sum - back) + (value - back);
    this.#sum = sum;
  }

  addDecimal(value: Decimal128): void {
    this.#count++;
    this.#widest = 3;
    this.#decimals.add(value);
  }

  /** Adds units × 10^exponent, a decimal whose digits a double holds exactly. */
  addSmallDecimal(units: number, exponent: number): void {
    this.#count++;
    this.#widest = 3;
    if (this.#hasUnits && this.#exponent === exponent) {
      const sum = this.#units + units;
      if (sum < smallDecimal && sum > -smallDecimal) {
        this.#units = sum;
        return;
      }
    }
    this.#settleUnits();
    this.#units = units;
    this.#exponent = exponent;
    this.#hasUnits = true;
  }

  #settleUnits(): void {
    if (!this.#hasUnits) return;
    this.#hasUnits = false;
    this.#decimals.add(packSmall(this.#units, this.#exponent));
  }

  /** The sum, as `$sum` gives it. */
  sum(): Value {
    const integers = this.#large + BigInt(this.#small);
    if (this.#widest === 3) return this.#decimalTotal(integers);
    if (this.#widest === 2) return this.#doubleTotal(integers);
    if (this.#widest === 0 && BigInt.asIntN(32, integers) === integers) return int32(Number(integers));
    return BigInt.asIntN(64, integers) === integers ? integers : Number(integers);
  }

  /** The mean, as `$avg` gives it; null of no numbers. */
  average(): Value {
    if (this.#count === 0) return null;
    const integers = this.#large + BigInt(this.#small);
    if (this.#widest === 3) {
      return divideDecimals(this.#decimalTotal(integers), decimalOfInteger(BigInt(this.#count)));
    }
    return (this.#widest === 2 ? this.#doubleTotal(integers) : Number(integers)) / this.#count;
  }

  #doubleTotal(integers: bigint): number {
    if (!Number.isFinite(this.#sum)) return this.#plain;
    if (integers === 0n) return this.#sum + this.#error;
    // The integers join the compensated sum last: high part first, then what a double cannot hold of them.
    const high = Number(integers);
    const low = Number(integers - BigInt(high));
    const sum = this.#sum + high;
    const back = sum - this.#sum;
    const error = this.#sum - (sum - back) + (high - back);
    return sum + (this.#error + error + low);
  }

  #decimalTotal(integers: bigint): Decimal128 {
    this.#settleUnits();
    let total = this.#decimals.total;
    if (integers !== 0n) total = addDecimals(total, decimalOfInteger(integers));
    if (!Number.isFinite(this.#sum)) return addDecimals(total, exactDecimalOfDouble(this.#plain));
    if (this.#sum !== 0) total = addDecimals(total, exactDecimalOfDouble(this.#sum));
    if (this.#error !== 0) total = addDecimals(total, exactDecimalOfDouble(this.#error));
    return total;
  }
}
