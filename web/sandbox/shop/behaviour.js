'use strict';

// What happens in this browser goes to the hub as the Segment SDKs send it, with
// the public key: it is recorded and proves nothing.

const { hub, writeKey } = document.body.dataset;

/** This browser's own id; a new one after somebody has signed out. */
function anonymousId() {
  let id = kept.get('anonymous');
  if (!id) {
    id = crypto.randomUUID();
    kept.set('anonymous', id);
  }
  return id;
}

/** Makes one tracking call and tells whether the hub has stored it. */
async function track(call) {
  if (!writeKey) return false;
  const sentAt = new Date().toISOString();
  try {
    const response = await fetch(hub + '/v1/' + call.type[0], {
      method: 'POST', keepalive: true, headers: { 'Content-Type': 'text/plain' },
      body: JSON.stringify({
        messageId: crypto.randomUUID(), anonymousId: anonymousId(), writeKey, timestamp: sentAt, sentAt, ...call,
        context: { locale: navigator.language, timezone: Intl.DateTimeFormat().resolvedOptions().timeZone, page: { url: location.href, path: location.pathname + location.hash, title: document.title, referrer: document.referrer } },
      }),
    });
    return response.ok;
  } catch {
    return false; // The shop goes on without.
  }
}

/** Tells which page, and which product, is looked at. */
function trackPage(product) {
  void track({ type: 'page' });
  if (product) void track({ type: 'track', event: 'Product Viewed', properties: { product_id: product.id, name: product.en.name, price: product.price, currency: 'CNY' } });
}
