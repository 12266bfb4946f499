/** Theme, palette and contrast on <html>; /theme.js puts the same there before the first paint. */
export type Theme = 'system' | 'light' | 'dark';
export type Palette = 'green-red' | 'blue-orange';
export type Contrast = 'system' | 'more';

interface Choice {
  theme: Theme;
  palette: Palette;
  contrast: Contrast;
}

const key = 'folioscope.appearance';
const standard: Choice = { theme: 'system', palette: 'green-red', contrast: 'system' };

function load(): Choice {
  try {
    return { ...standard, ...(JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Choice>) };
  } catch {
    return standard;
  }
}

const systemIsDark = globalThis.matchMedia?.('(prefers-color-scheme: dark)');

let choice = $state.raw<Choice>(load());
let systemDark = $state(systemIsDark?.matches ?? false);
systemIsDark?.addEventListener('change', (event) => {
  systemDark = event.matches;
});

function apply(next: Choice): void {
  choice = next;
  const { dataset } = document.documentElement;
  if (next.theme === 'system') delete dataset.theme;
  else dataset.theme = next.theme;
  if (next.palette === 'green-red') delete dataset.palette;
  else dataset.palette = next.palette;
  if (next.contrast === 'system') delete dataset.contrast;
  else dataset.contrast = next.contrast;
  try {
    localStorage.setItem(key, JSON.stringify(next));
  } catch {
    // Not kept across reloads then.
  }
}

export const appearance = {
  get theme(): Theme {
    return choice.theme;
  },
  set theme(theme: Theme) {
    apply({ ...choice, theme });
  },
  get palette(): Palette {
    return choice.palette;
  },
  set palette(palette: Palette) {
    apply({ ...choice, palette });
  },
  get contrast(): Contrast {
    return choice.contrast;
  },
  set contrast(contrast: Contrast) {
    apply({ ...choice, contrast });
  },
  /** Whether the page is dark right now, whoever decided it. */
  get dark(): boolean {
    return choice.theme === 'system' ? systemDark : choice.theme === 'dark';
  },
  /** Changes whenever any colour does: read it to redraw a canvas. */
  get version(): string {
    return `${this.dark ? 'dark' : 'light'} ${choice.palette} ${choice.contrast}`;
  },
};
