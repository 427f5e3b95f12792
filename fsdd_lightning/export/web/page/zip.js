// ZIP files, stored without compression: sound hardly shrinks.

const ZIP_MOST_FILES = 0xffff; // beyond, and beyond 4 GB, another format begins
const ZIP_MOST_BYTES = 0xffffffff;
const ZIP_UTF8 = 0x0800; // the flag that says how names are written
const ZIP_DATE = 0x0021; // 1980-01-01, the first day: equal files make equal bytes
const ZIP_VERSION = 20; // 2.0, of the programs that read it

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** CRC-32 of a Uint8Array, as ZIP and PNG have it. */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/**
 * The bytes of a ZIP file.
 * @param {{name: string, bytes: Uint8Array}[]} files names may have folders, with slashes
 * @returns {Uint8Array}
 * @throws {Error} too many files or bytes
 */
function writeZip(files) {
  if (files.length > ZIP_MOST_FILES) throw new Error(`a ZIP file holds at most ${ZIP_MOST_FILES} files`);
  const [parts, directory] = [[], []];
  let offset = 0;
  for (const { name, bytes } of files) {
    const encoded = new TextEncoder().encode(name);
    const described = describeZipped(encoded, bytes);
    parts.push(zipHeader(0x04034b50, [], described, []), encoded, bytes);
    directory.push(zipHeader(0x02014b50, [ZIP_VERSION], described, [0, 0, 0, 0, 0, offset, offset >>> 16]), encoded);
    offset += 30 + encoded.length + bytes.length;
  }
  const listed = joinArrays(Uint8Array, directory);
  if (offset + listed.length > ZIP_MOST_BYTES) throw new Error("a ZIP file holds at most 4 GB");
  return joinArrays(Uint8Array, [...parts, listed, zipEnd(files.length, listed.length, offset)]);
}

/** The 13 words of 16 bits that the header of a file and its line in the directory share. */
function describeZipped(encodedName, bytes) {
  const [crc, size] = [crc32(bytes), bytes.length];
  const stored = [ZIP_VERSION, ZIP_UTF8, 0, 0, ZIP_DATE]; // method 0, at midnight
  return [...stored, crc, crc >>> 16, size, size >>> 16, size, size >>> 16, encodedName.length, 0];
}

/** Words of 16 bits, the lower first, behind a signature of 32. */
function zipHeader(signature, before, described, after) {
  const words = [signature, signature >>> 16, ...before, ...described, ...after];
  return new Uint8Array(words.flatMap((word) => [word & 0xff, (word >>> 8) & 0xff]));
}

/** The record at the end, which finds the directory. */
function zipEnd(count, size, offset) {
  return zipHeader(0x06054b50, [0, 0], [count, count, size, size >>> 16, offset, offset >>> 16], [0]);
}
