/* CRC-64/Redis (the reflected "Jones" polynomial), on two 32-bit halves. */

const low = new Uint32Array(256);
const high = new Uint32Array(256);

for (let i = 0; i < 256; i++) {
  let crc = BigInt(i);
  for (let k = 0; k < 8; k++) crc = crc & 1n ? (crc >> 1n) ^ 0x95ac9329ac4bc9b5n : crc >> 1n;
  low[i] = Number(crc & 0xffffffffn);
  high[i] = Number(crc >> 32n);
}

/** A checksum over bytes that come in pieces. */
export class Crc64 {
  #lo = 0;
  #hi = 0;

  add(bytes: Uint8Array, length = bytes.length): this {
    let lo = this.#lo;
    let hi = this.#hi;
    for (let i = 0; i < length; i++) {
      const at = (lo ^ bytes[i]!) & 255;
      lo = ((lo >>> 8) | (hi << 24)) ^ low[at]!;
      hi = (hi >>> 8) ^ high[at]!;
    }
    this.#lo = lo;
    this.#hi = hi;
    return this;
  }

  get value(): bigint {
    return (BigInt(this.#hi >>> 0) << 32n) | BigInt(this.#lo >>> 0);
  }
}

/** The checksum of the first `length` bytes. */
export function crc64(bytes: Uint8Array, length: number): bigint {
  return new Crc64().add(bytes, length).value;
}
