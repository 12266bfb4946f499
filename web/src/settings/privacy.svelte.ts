/**
 * Privacy mode: amounts and quantities are absent from the document (five dots), percentages stay.
 * Every component that shows an amount reads `privacy.on`; charts switch to percent.
 */
const key = 'folioscope.privacy';

function load(): boolean {
  try {
    return localStorage.getItem(key) === 'on';
  } catch {
    return false;
  }
}

let on = $state(load());

export const privacy = {
  get on(): boolean {
    return on;
  },
  set on(hidden: boolean) {
    on = hidden;
    try {
      localStorage.setItem(key, hidden ? 'on' : 'off');
    } catch {
      // Not kept across reloads then.
    }
  },
  toggle(): void {
    this.on = !on;
  },
};
