/** The browser's clock. Its own file, since reactive modules may not make plain dates. */
export function present(): Date {
  return new Date();
}
