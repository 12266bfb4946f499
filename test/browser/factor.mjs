// An authenticator app.
import { createHmac } from 'node:crypto';

const step = 30; // seconds that a code is shown

/** What an authenticator app shows (RFC 6238); a later step gives the code after it, which the server takes as well. */
export function code(secret, later = 0) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  let bits = '';
  for (const letter of secret.replace(/\s/g, '')) bits += letters.indexOf(letter).toString(2).padStart(5, '0');
  const seed = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 1000 / step) + later));
  const sum = createHmac('sha1', seed).update(counter).digest();
  return String((sum.readUInt32BE(sum[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** The key that the page shows. */
export const secretOf = async (page) => (await page.locator('code.key').innerText()).trim();

/** Sets the app up for whoever is signed in, and gives its key. */
export async function turnOnSecondFactor(page, base) {
  await page.goto(base + '/account');
  await page.getByRole('button', { name: 'Set it up' }).click();
  const secret = await secretOf(page);
  await page.getByLabel('Code that the app shows now').fill(code(secret, -1));
  await page.getByRole('button', { name: 'Turn it on' }).click();
  await page.getByRole('button', { name: 'I have kept them' }).click();
  return secret;
}
