// Triangles from the page: base64 -> gzip -> one table of parts with 16-bit corners and indices.

export async function unpack(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

// Parts lie one after the other: corners (x, y, z as uint16 of the part's box), then indices (uint32).
export function partArrays(buffer, parts) {
  let offset = 0;
  return parts.map((part) => {
    const raw = new Uint16Array(buffer.slice(offset, (offset += part.corners * 6)));
    const index = new Uint32Array(buffer.slice(offset, (offset += part.triangles * 12)));
    const positions = new Float32Array(raw.length);
    const [low, high] = part.box;
    for (let i = 0; i < raw.length; i++) positions[i] = low[i % 3] + (raw[i] / 65535) * (high[i % 3] - low[i % 3]);
    return { positions, index };
  });
}
