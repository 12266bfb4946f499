// Runs before the first paint. Reads what src/settings/appearance.svelte.ts stored and puts it on <html>.
(function () {
  var root = document.documentElement;
  try {
    var saved = JSON.parse(localStorage.getItem('folioscope.appearance') || '{}');
    if (saved.theme === 'light' || saved.theme === 'dark') root.dataset.theme = saved.theme;
    if (saved.palette === 'blue-orange') root.dataset.palette = 'blue-orange';
    if (saved.contrast === 'more') root.dataset.contrast = 'more';
  } catch {
    // Storage may be closed to us (private window, policy): then the system's choice holds.
  }
})();
