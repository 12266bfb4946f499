// Writes file.br and file.gz beside every text file of the build, so that the server
// never compresses at run time. Files that would not shrink keep no twin.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const directory = process.argv[2] ?? 'dist';
const textFile = /\.(html|js|css|svg|json|webmanifest|txt|map)$/;
// Below this size the header of a compressed answer costs more than it saves.
const fileBytesMin = 512;

let plainBytes = 0;
let brotliBytes = 0;
for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !textFile.test(entry.name)) continue;
  const path = join(entry.parentPath, entry.name);
  const plain = readFileSync(path);
  if (plain.length < fileBytesMin) continue;
  const brotli = brotliCompressSync(plain, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length },
  });
  const gzip = gzipSync(plain, { level: 9 });
  if (brotli.length < plain.length) writeFileSync(`${path}.br`, brotli);
  if (gzip.length < plain.length) writeFileSync(`${path}.gz`, gzip);
  plainBytes += plain.length;
  brotliBytes += brotli.length;
}
console.log(`precompressed ${plainBytes} bytes to ${brotliBytes} (brotli)`);
