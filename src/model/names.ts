/**
 * Types of field names. Measured: one alias for "all names of R" makes every error print R instead of the names, so the
 * union is always written out as `Names<R>[keyof R & string]` where it is used.
 */

type Empty = null | undefined;
type Scalar = string | number | bigint | boolean | Date | Empty;
type Opaque = readonly unknown[] | Uint8Array | Empty;

/** One flat name per field that can be asked by: "at", "address.city". Objects are walked; arrays, bytes and maps are left out. */
export type Names<R> = {
  [F in keyof R & string]: R[F] extends Scalar ? F : R[F] extends Opaque ? never : Nested<F, NonNullable<R[F]>>;
};
type Nested<F extends string, O> = string extends keyof O ? never : `${F}.${Names<O>[keyof O & string]}`;

/** Names of R's fields whose value is a V (V includes null and undefined). */
export type NamesOf<R, V> = {
  [F in keyof R & string]: R[F] extends V
    ? F
    : R[F] extends Scalar | Opaque
      ? never
      : NestedOf<F, NonNullable<R[F]>, V>;
};
type NestedOf<F extends string, O, V> = string extends keyof O ? never : `${F}.${NamesOf<O, V>[keyof O & string]}`;

/** The type at a field, without null and undefined: a parameter is always given. */
export type At<R, F> = F extends keyof R
  ? NonNullable<R[F]>
  : F extends `${infer H}.${infer T}`
    ? H extends keyof R
      ? At<NonNullable<R[H]>, T>
      : never
    : never;

/** An exact decimal as text: "2.550". The schema checks digits and scale. */
export type Decimal = `${number}`;

/** Types that can be added up. */
export type Amount = number | bigint | Decimal;

/** Fields that can be added up, by name: used as `NamesOf<R, AmountOrEmpty>`. */
export type AmountOrEmpty = Amount | Empty;
/** As above, for dates. */
export type DateOrEmpty = Date | Empty;
/** As above, for text. */
export type TextOrEmpty = string | Empty;

/** Prints an intersection as one object. */
export type Simplify<T> = { [K in keyof T]: T[K] } & {};
