import { Socket } from "node:net";

/** What all sockets of the process read into. Whoever is called has the bytes until it returns. */
const shared = Buffer.allocUnsafeSlow(64 * 1024);

/** What a Node socket has beside its documented members. */
interface Handled {
  _handle: object | null;
}

/**
 * Takes over a socket that a server has just accepted (with `pauseOnConnect`) and calls for its bytes without a stream in
 * between: all sockets read into one buffer, in place of a new one for each read, which spares a third of the work of a
 * small request and most of what the garbage collector has to do. The bytes are valid until `received` returns.
 *
 * Node has this for sockets that connect (`onread`, https://nodejs.org/api/net.html#new-netsocketoptions), not for those
 * that a server accepts; where the handle cannot be had, the socket is read as a stream.
 */
export function readShared(accepted: Socket, received: (bytes: Buffer) => void): Socket {
  const holder = accepted as unknown as Handled;
  const handle = holder._handle;
  if (handle === null || typeof handle !== "object" || !("useUserBuffer" in handle)) {
    accepted.on("data", received);
    accepted.resume();
    return accepted;
  }
  holder._handle = null;
  // The server counts it as closed; who takes over closes the new one.
  accepted.destroy();
  const options = {
    handle,
    allowHalfOpen: accepted.allowHalfOpen,
    onread: {
      buffer: shared,
      callback: (length: number, buffer: Uint8Array) => {
        received(length === buffer.length ? shared : shared.subarray(0, length));
        return true;
      },
    },
  };
  return new Socket(options);
}
