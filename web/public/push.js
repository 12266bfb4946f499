// Shows what the server pushes to this browser, and opens it. It keeps nothing and answers no page: the dashboard is never served from here.
self.addEventListener('push', (event) => {
  const told = event.data ? event.data.json() : {};
  event.waitUntil(
    self.registration.showNotification(told.title || 'Folioscope', {
      body: told.text || '',
      tag: told.id,
      data: { link: told.link },
    }),
  );
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const link = new URL(event.notification.data.link || '/', self.location.origin);
  if (link.origin !== self.location.origin) return;
  event.waitUntil(
    self.clients.matchAll({ type: 'window' }).then((pages) => {
      const page = pages.find((one) => new URL(one.url).origin === self.location.origin);
      return page
        ? page.focus().then((shown) => shown.navigate(link.href))
        : self.clients.openWindow(link.href);
    }),
  );
});
