// Just enough of RFC 6455 for the development mock: text, ping, close.
import { createHash } from "node:crypto";

function encode(opcode, payload) {
  const n = payload.length;
  const head = n < 126 ? Buffer.from([0x80 | opcode, n]) : n < 65536 ? Buffer.from([0x80 | opcode, 126, n >> 8, n & 255]) : Buffer.concat([Buffer.from([0x80 | opcode, 127, 0, 0, 0, 0]), Buffer.from([n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255])]);
  return Buffer.concat([head, payload]);
}

/** Completes the handshake; answers {send(object), close(code)}. */
export function acceptSocket(req, stream, on) {
  const accept = createHash("sha1").update(`${req.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  stream.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  let held = Buffer.alloc(0);
  const close = (code) => {
    if (!stream.writable) return;
    stream.write(encode(8, Buffer.from([code >> 8, code & 255])));
    stream.end();
  };
  stream.on("data", (chunk) => {
    held = Buffer.concat([held, chunk]);
    for (;;) {
      if (held.length < 6) return;
      let n = held[1] & 127;
      let at = 2;
      if (n === 126) {
        if (held.length < 8) return;
        n = held.readUInt16BE(2);
        at = 4;
      }
      if (held.length < at + 4 + n) return;
      const mask = held.subarray(at, at + 4);
      const payload = Buffer.from(held.subarray(at + 4, at + 4 + n)).map((b, i) => b ^ mask[i % 4]);
      const opcode = held[0] & 15;
      held = held.subarray(at + 4 + n);
      if (opcode === 1) on.frame(JSON.parse(payload.toString()));
      else if (opcode === 8) close(1000);
    }
  });
  stream.on("close", on.closed);
  stream.on("error", () => stream.destroy());
  return { send: (object) => stream.writable && stream.write(encode(1, Buffer.from(JSON.stringify(object)))), close };
}
