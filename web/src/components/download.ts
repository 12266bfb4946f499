/** Hands the text to the browser as a file. */
export function download(text: string, name: string, type = 'text/csv'): void {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken the data by then; a second is more than it needs.
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
