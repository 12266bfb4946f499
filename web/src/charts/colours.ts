/**
 * Design tokens for canvases: `light-dark()`, `oklch()` and `color-mix()` are resolved by the browser on a
 * probe element, painted on one pixel and read back as `rgb()`, which every canvas library understands.
 */

/** What stands for a token where there is no canvas (a test, a browser without one). */
const fallback = 'rgb(128, 128, 128)';

/** The tokens' colours as they are within `host` right now. To be called once per theme change. */
export function resolveTokens<Name extends string>(
  tokens: readonly Name[],
  host: HTMLElement,
): Record<Name, string> {
  const probe = document.createElement('span');
  probe.hidden = true;
  host.append(probe);
  const canvas = document.createElement('canvas');
  canvas.width = 1;
  canvas.height = 1;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const resolved = tokens.map((token) => {
    probe.style.color = `var(${token})`;
    return [token, context ? pixel(context, getComputedStyle(probe).color) : fallback] as const;
  });
  probe.remove();
  return Object.fromEntries(resolved) as Record<Name, string>;
}

function pixel(context: CanvasRenderingContext2D, colour: string): string {
  context.clearRect(0, 0, 1, 1);
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = context.getImageData(0, 0, 1, 1).data;
  return `rgb(${red}, ${green}, ${blue})`;
}

/** An opaque `rgb()` made see-through; `alpha` from 0 to 1. Reading a faint pixel back would lose its hue. */
export function withAlpha(rgb: string, alpha: number): string {
  return rgb.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);
}
