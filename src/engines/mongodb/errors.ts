import type { Value } from "./bson/values.js";

/** Code names of MongoDB's error codes; a code that is not here is an assertion's and is called `Location<code>`. */
const codeNames: Readonly<Record<number, string>> = {
  1: "InternalError",
  2: "BadValue",
  4: "NoSuchKey",
  6: "HostUnreachable",
  9: "FailedToParse",
  11: "UserNotFound",
  13: "Unauthorized",
  14: "TypeMismatch",
  15: "Overflow",
  16: "InvalidLength",
  17: "ProtocolError",
  18: "AuthenticationFailed",
  20: "IllegalOperation",
  22: "InvalidBSON",
  26: "NamespaceNotFound",
  27: "IndexNotFound",
  28: "PathNotViable",
  40: "ConflictingUpdateOperators",
  43: "CursorNotFound",
  48: "NamespaceExists",
  50: "MaxTimeMSExpired",
  52: "DollarPrefixedFieldName",
  53: "InvalidIdField",
  54: "NotSingleValueField",
  56: "EmptyFieldName",
  57: "DottedFieldName",
  59: "CommandNotFound",
  61: "ShardKeyNotFound",
  64: "WriteConcernFailed",
  66: "ImmutableField",
  67: "CannotCreateIndex",
  72: "InvalidOptions",
  73: "InvalidNamespace",
  79: "UnknownReplWriteConcern",
  85: "IndexOptionsConflict",
  86: "IndexKeySpecsConflict",
  91: "ShutdownInProgress",
  96: "OperationFailed",
  100: "UnsatisfiableWriteConcern",
  112: "WriteConflict",
  115: "CommandNotSupported",
  121: "DocumentValidationFailure",
  123: "NotAReplicaSet",
  136: "CappedPositionLost",
  146: "ExceededMemoryLimit",
  148: "ReadConcernMajorityNotEnabled",
  166: "CommandNotSupportedOnView",
  167: "OptionNotSupportedOnView",
  168: "InvalidPipelineOperator",
  171: "CannotIndexParallelArrays",
  181: "AmbiguousIndexKeyPattern",
  182: "InvalidIdField",
  189: "PrimarySteppedDown",
  197: "InvalidIndexSpecificationOption",
  202: "NetworkInterfaceExceededTimeLimit",
  206: "NoSuchSession",
  217: "IncompleteTransactionHistory",
  222: "CloseChangeStream",
  224: "QueryFeatureNotAllowed",
  225: "TransactionTooOld",
  238: "NotImplemented",
  241: "ConversionFailure",
  246: "SnapshotUnavailable",
  251: "NoSuchTransaction",
  256: "TransactionCommitted",
  257: "TransactionTooLarge",
  261: "TooManyLogicalSessions",
  262: "ExceededTimeLimit",
  263: "OperationNotSupportedInTransaction",
  280: "ChangeStreamFatalError",
  286: "ChangeStreamHistoryLost",
  291: "NoQueryExecutionPlans",
  292: "QueryExceededMemoryLimitNoDiskUseAllowed",
  303: "InvalidViewDefinition",
  322: "APIVersionError",
  323: "APIStrictError",
  327: "APIMismatchError",
  334: "Interrupted",
  352: "UnsupportedOpQueryCommand",
  10107: "NotWritablePrimary",
  10334: "BSONObjectTooLarge",
  11000: "DuplicateKey",
  11600: "InterruptedAtShutdown",
  11601: "Interrupted",
  11602: "InterruptedDueToReplStateChange",
  13388: "StaleConfig",
  13436: "NotPrimaryOrSecondary",
  17280: "KeyTooLong",
  40414: "IDLFailedToParse",
  40415: "IDLUnknownField",
};

/** The name that MongoDB shows beside an error code. */
export function codeNameOf(code: number): string {
  return codeNames[code] ?? `Location${code}`;
}

/** An error that a client of the engine sees, with MongoDB's own code, code name and text. */
export class MongoError extends Error {
  readonly code: number;
  readonly codeName: string;
  /** Error labels of the reply, such as `RetryableWriteError`. */
  labels: string[] = [];
  /** Further fields of the reply, such as `keyPattern` and `keyValue`. */
  readonly extra: Readonly<Record<string, Value>>;

  constructor(code: number, codeName: string, message: string, extra: Readonly<Record<string, Value>> = {}) {
    super(message);
    this.name = "MongoError";
    this.code = code;
    this.codeName = codeName;
    this.extra = extra;
  }
}

/** An error by its code alone; its name comes from MongoDB's table. */
export function mongoError(code: number, message: string, extra?: Readonly<Record<string, Value>>): MongoError {
  return new MongoError(code, codeNameOf(code), message, extra);
}

/** Runs `work` and puts before the text of its errors what was being done, as MongoDB does. */
export function withContext<T>(context: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof MongoError) error.message = `${context} :: caused by :: ${error.message}`;
    throw error;
  }
}

/** 2 BadValue. */
export function badValue(message: string): MongoError {
  return new MongoError(2, "BadValue", message);
}

/** 9 FailedToParse. */
export function failedToParse(message: string): MongoError {
  return new MongoError(9, "FailedToParse", message);
}

/** 14 TypeMismatch. */
export function typeMismatch(message: string): MongoError {
  return new MongoError(14, "TypeMismatch", message);
}

/** 22 InvalidBSON. */
export function invalidBson(message: string): MongoError {
  return new MongoError(22, "InvalidBSON", message);
}

/** 73 InvalidNamespace. */
export function invalidNamespace(message: string): MongoError {
  return new MongoError(73, "InvalidNamespace", message);
}
