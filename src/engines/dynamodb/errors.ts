/** Where the errors of DynamoDB's own come from, as `__type` says; those of the service's frame have another prefix. */
const dynamoPrefix = "com.amazonaws.dynamodb.v20120810#";
const coralPrefix = "com.amazon.coral.service#";
const validatePrefix = "com.amazon.coral.validate#";

/** Errors that are told by the frame that all of AWS's services share, and not by DynamoDB. */
const coralNames: ReadonlySet<string> = new Set([
  "SerializationException",
  "UnknownOperationException",
  "MissingAuthenticationTokenException",
  "IncompleteSignatureException",
  "InvalidSignatureException",
  "UnrecognizedClientException",
  "AccessDeniedException",
  "RequestEntityTooLargeException",
]);

/**
 * An error as DynamoDB tells it: its name, its message, and the further members that some have. The status is 400 but
 * for the two that say that the server is at fault.
 */
export class DynamoError extends Error {
  /** Further members of the body: `Item`, `CancellationReasons`, `ThrottlingReasons`. */
  readonly members: Readonly<Record<string, unknown>> | undefined;

  constructor(name: string, message: string, members?: Readonly<Record<string, unknown>>) {
    super(message);
    this.name = name;
    this.members = members;
  }

  get status(): number {
    return this.name === "InternalServerError" || this.name === "ServiceUnavailable" ? 500 : 400;
  }

  /** The body's `__type`. */
  get type(): string {
    if (this.name === "ValidationException") return validatePrefix + this.name;
    return (coralNames.has(this.name) ? coralPrefix : dynamoPrefix) + this.name;
  }
}

export function validation(message: string): DynamoError {
  return new DynamoError("ValidationException", message);
}

/** A ValidationException about a value in an item, a key or an index. */
export function invalidValue(message: string): DynamoError {
  return validation(`One or more parameter values were invalid: ${message}`);
}

export function serialization(message: string): DynamoError {
  return new DynamoError("SerializationException", message);
}

export function resourceNotFound(message = "Requested resource not found"): DynamoError {
  return new DynamoError("ResourceNotFoundException", message);
}

export function tableNotFound(name: string): DynamoError {
  return resourceNotFound(`Requested resource not found: Table: ${name} not found`);
}

export function resourceInUse(message: string): DynamoError {
  return new DynamoError("ResourceInUseException", message);
}

export function conditionFailed(item?: unknown): DynamoError {
  return new DynamoError(
    "ConditionalCheckFailedException",
    "The conditional request failed",
    item === undefined ? undefined : { Item: item },
  );
}
