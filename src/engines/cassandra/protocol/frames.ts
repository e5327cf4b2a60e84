/**
 * Frames of the native protocol v4:
 * https://github.com/apache/cassandra/blob/cassandra-5.0/doc/native_protocol_v4.spec, section 2.
 */
import type { FrameShape } from "../../net/frames.js";
import { protocolError } from "../errors.js";

export const opcode = {
  error: 0x00,
  startup: 0x01,
  ready: 0x02,
  authenticate: 0x03,
  options: 0x05,
  supported: 0x06,
  query: 0x07,
  result: 0x08,
  prepare: 0x09,
  execute: 0x0a,
  register: 0x0b,
  event: 0x0c,
  batch: 0x0d,
  authChallenge: 0x0e,
  authResponse: 0x0f,
  authSuccess: 0x10,
} as const;

export const opcodeNames: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(opcode).map(([name, number]) => [
    number,
    name === "authResponse" ? "AUTH_RESPONSE" : name === "authSuccess" ? "AUTH_SUCCESS" : name.toUpperCase(),
  ]),
);

export const flag = { compressed: 0x01, tracing: 0x02, customPayload: 0x04, warning: 0x08 } as const;

export const headBytes = 9;
export const version = 4;
/** native_transport_max_frame_size */
export const longestFrame = 16 * 1024 * 1024;

/** A frame that no one can go on after: what follows it cannot be found. */
export class BrokenFrame extends Error {
  readonly stream: number;
  readonly reason: Error;

  constructor(stream: number, reason: Error) {
    super(reason.message);
    this.stream = stream;
    this.reason = reason;
  }
}

export const frameShape: FrameShape = {
  headBytes,
  length(bytes, at) {
    const given = bytes[at]! & 0x7f;
    const stream = bytes.readInt16BE(at + 2);
    if (given !== version || (bytes[at]! & 0x80) !== 0)
      throw new BrokenFrame(
        given < 3 ? bytes.readInt8(at + 2) : stream,
        protocolError(
          `Invalid or unsupported protocol version (${given}); the lowest supported version is ${version} and the greatest is ${version}`,
        ),
      );
    const length = bytes.readUInt32BE(at + 5);
    if (length > longestFrame)
      throw new BrokenFrame(
        stream,
        protocolError(`Request is too big: length ${length} exceeds maximum allowed length ${longestFrame}.`),
      );
    return headBytes + length;
  },
};

/** A whole frame around a body. */
export function frame(stream: number, flags: number, code: number, body: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes + body.length);
  bytes[0] = 0x80 | version;
  bytes[1] = flags;
  bytes.writeInt16BE(stream, 2);
  bytes[4] = code;
  bytes.writeUInt32BE(body.length, 5);
  body.copy(bytes, headBytes);
  return bytes;
}
