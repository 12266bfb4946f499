/**
 * The one locale all formatting uses: what the user chose, else the browser's. Changing it reloads the
 * page, so no formatted text has to be reactive.
 */
const key = 'folioscope.locale';
const fallback = 'en-GB';

let current: string | undefined;

function supported(tag: string | null | undefined): tag is string {
  if (!tag) return false;
  try {
    return Intl.NumberFormat.supportedLocalesOf([tag]).length > 0;
  } catch {
    return false;
  }
}

/** The locale in use, a BCP 47 tag. */
export function locale(): string {
  if (current === undefined) {
    let saved: string | null = null;
    try {
      saved = localStorage.getItem(key);
    } catch {
      // No storage: the browser's language holds.
    }
    const wanted = [saved, typeof navigator === 'undefined' ? null : navigator.language];
    current = wanted.find(supported) ?? fallback;
  }
  return current;
}

/**
 * The locale of words: months, names of currencies and countries. The dashboard speaks English, so a
 * German reader gets German numbers but not "22. Nov." within an English sentence.
 */
export function wordLocale(): string {
  return locale().startsWith('en') ? locale() : fallback;
}

/** For tests and the settings page: use this tag from now on; null returns to the browser's. */
export function setLocale(tag: string | null): void {
  current = supported(tag) ? tag : undefined;
  try {
    if (current) localStorage.setItem(key, current);
    else localStorage.removeItem(key);
  } catch {
    // Not kept across reloads then; nothing else depends on it.
  }
}
