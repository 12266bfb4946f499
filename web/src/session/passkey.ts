/** What the browser does with passkeys: it makes them, and answers with them. Nothing of either is kept. */
import type { BrowserJSON } from '../api';

/** Whether this browser has passkeys, and reads what the server says about them. */
export function passkeysWork(): boolean {
  return typeof PublicKeyCredential === 'function' && 'parseRequestOptionsFromJSON' in PublicKeyCredential;
}

/** Makes a passkey. Null when the person would rather not. */
export function makePasskey(options: BrowserJSON): Promise<BrowserJSON | null> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(
    options as unknown as PublicKeyCredentialCreationOptionsJSON,
  );
  return answer(navigator.credentials.create({ publicKey }));
}

/** Asks for a passkey. Null when the person would rather not. */
export function usePasskey(options: BrowserJSON): Promise<BrowserJSON | null> {
  return answer(navigator.credentials.get({ publicKey: asked(options) }));
}

/** Offers passkeys among what the browser fills fields with, until the signal. Null when none was taken. */
export function offerPasskeys(options: BrowserJSON, signal: AbortSignal): Promise<BrowserJSON | null> {
  return answer(navigator.credentials.get({ publicKey: asked(options), mediation: 'conditional', signal }));
}

/** Whether the browser can do that. */
export async function passkeysFill(): Promise<boolean> {
  return (await PublicKeyCredential.isConditionalMediationAvailable?.()) ?? false;
}

function asked(options: BrowserJSON): PublicKeyCredentialRequestOptions {
  return PublicKeyCredential.parseRequestOptionsFromJSON(
    options as unknown as PublicKeyCredentialRequestOptionsJSON,
  );
}

const refusals: Record<string, string> = {
  InvalidStateError: 'This device holds a passkey of yours already.',
  SecurityError: 'Passkeys of this server belong to another address than this one.',
};

async function answer(call: Promise<Credential | null>): Promise<BrowserJSON | null> {
  try {
    const given = await call;
    return given instanceof PublicKeyCredential ? (given.toJSON() as BrowserJSON) : null;
  } catch (cause) {
    if (!(cause instanceof DOMException)) throw cause;
    // Dismissed, out of time, or given up by the page: browsers don't tell these apart.
    if (cause.name === 'NotAllowedError' || cause.name === 'AbortError') return null;
    throw new Error(refusals[cause.name] ?? 'The browser could not do this.', { cause });
  }
}
