/** Errors as the native protocol v4 knows them (native_protocol_v4.spec, section 9). */
export const errorCode = {
  server: 0x0000,
  protocol: 0x000a,
  badCredentials: 0x0100,
  unavailable: 0x1000,
  overloaded: 0x1001,
  truncate: 0x1003,
  writeTimeout: 0x1100,
  readTimeout: 0x1200,
  readFailure: 0x1300,
  functionFailure: 0x1400,
  writeFailure: 0x1500,
  syntax: 0x2000,
  unauthorized: 0x2100,
  invalid: 0x2200,
  config: 0x2300,
  alreadyExists: 0x2400,
  unprepared: 0x2500,
} as const;

/** What an error carries beside its code and text. */
export type ErrorDetail =
  | { readonly kind: "unavailable"; readonly consistency: number; readonly required: number; readonly alive: number }
  | {
      readonly kind: "write-timeout";
      readonly consistency: number;
      readonly received: number;
      readonly blockFor: number;
      readonly writeType: string;
    }
  | {
      readonly kind: "read-timeout";
      readonly consistency: number;
      readonly received: number;
      readonly blockFor: number;
      readonly dataPresent: boolean;
    }
  | { readonly kind: "already-exists"; readonly keyspace: string; readonly table: string }
  | { readonly kind: "unprepared"; readonly id: Buffer }
  | { readonly kind: "function-failure"; readonly keyspace: string; readonly name: string; readonly args: string[] };

/** An answer that is an error. */
export class CqlError extends Error {
  readonly code: number;
  readonly detail: ErrorDetail | undefined;

  constructor(code: number, message: string, detail?: ErrorDetail) {
    super(message);
    this.code = code;
    this.detail = detail;
  }
}

export function invalid(message: string): CqlError {
  return new CqlError(errorCode.invalid, message);
}

export function syntaxError(message: string): CqlError {
  return new CqlError(errorCode.syntax, message);
}

export function configError(message: string): CqlError {
  return new CqlError(errorCode.config, message);
}

export function protocolError(message: string): CqlError {
  return new CqlError(errorCode.protocol, message);
}

export function unauthorized(message: string): CqlError {
  return new CqlError(errorCode.unauthorized, message);
}

export function alreadyExists(keyspace: string, table: string, message: string): CqlError {
  return new CqlError(errorCode.alreadyExists, message, { kind: "already-exists", keyspace, table });
}
