'use strict';

// Calls made before the widget has loaded wait in a queue.
window.fanward = window.fanward || function () { (window.fanward.q = window.fanward.q || []).push(arguments); };

const find = (id) => document.getElementById(id);
const kept = {
  /** Reads what this browser kept; a browser that keeps nothing starts anew each time. */
  get(name) { try { return localStorage.getItem('shop:' + name); } catch { return null; } },
  set(name, value) {
    try {
      if (value === null) localStorage.removeItem('shop:' + name);
      else localStorage.setItem('shop:' + name, value);
    } catch { /* The page works without. */ }
  },
};

let lang = kept.get('lang') || (navigator.language.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en');
let cart = readCart();
// The widget takes the language from the page unless it is told another.
document.documentElement.lang = lang;

function readCart() {
  try {
    const stored = JSON.parse(kept.get('cart') || '{}');
    return Object.fromEntries(Object.entries(stored).filter(([id, n]) => products.some((p) => p.id === id) && n > 0));
  } catch {
    return {};
  }
}

const say = (key, params = {}) => texts[lang][key].replace(/\{(\w+)\}/g, (_, name) => params[name]);
const yuan = (amount) => new Intl.NumberFormat(lang, { style: 'currency', currency: 'CNY', currencyDisplay: 'narrowSymbol', maximumFractionDigits: 0 }).format(amount);

/** Makes an element; text is always text, never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function picture(product) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 200 150');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', product[lang].name);
  const use = document.createElementNS(space, 'use');
  use.setAttribute('href', '#' + product.id);
  svg.append(use);
  return svg;
}

function setCart(id, amount) {
  if (amount > 0) cart[id] = amount;
  else delete cart[id];
  kept.set('cart', JSON.stringify(cart));
  draw();
}

function addButton(product) {
  const amount = cart[product.id] || 0;
  const button = make('button', { type: 'button', class: 'main', 'data-add': product.id, onclick: () => {
    setCart(product.id, amount + 1);
    document.querySelector(`[data-add=${product.id}]`)?.focus();
  } }, say('add'));
  return make('div', { class: 'buy' }, button, make('span', { class: 'soft', 'aria-live': 'polite' }, amount ? say('added', { n: amount }) : ''));
}

function list() {
  const cards = products.map((product) => {
    const { name, unit } = product[lang];
    return make('li', { class: 'card' },
      make('a', { href: '#/tea/' + product.id, 'data-testid': 'product' }, picture(product), make('h2', {}, name)),
      make('p', { class: 'soft' }, `${yuan(product.price)} · ${unit}`),
      addButton(product));
  });
  return [make('h1', {}, say('tagline')), make('p', { class: 'soft lead' }, say('intro')), make('ul', { class: 'cards' }, ...cards)];
}

function detail(product) {
  const { name, unit, text } = product[lang];
  return [
    make('a', { class: 'back', href: '#/' }, '← ' + say('back')),
    make('article', { class: 'detail' }, picture(product),
      make('div', {}, make('h1', {}, name), make('p', { class: 'price' }, yuan(product.price)), make('p', { class: 'soft' }, unit), make('p', {}, text), addButton(product),
        make('button', { type: 'button', class: 'plain', onclick: () => fanward('open') }, say('ask')))),
  ];
}

function cartView() {
  const lines = products.filter(({ id }) => cart[id]);
  const total = lines.reduce((sum, { id, price }) => sum + cart[id] * price, 0);
  if (lines.length === 0) return [make('h1', {}, say('cart')), make('p', {}, say('empty')), make('a', { class: 'back', href: '#/' }, '← ' + say('back'))];
  return [
    make('h1', {}, say('cart')),
    make('ul', { class: 'lines' }, ...lines.map((product) => make('li', {},
      make('a', { href: '#/tea/' + product.id }, product[lang].name),
      make('span', { class: 'number' }, `${cart[product.id]} × ${yuan(product.price)}`),
      make('button', { type: 'button', class: 'plain', onclick: () => setCart(product.id, 0) }, say('remove'))))),
    make('p', { class: 'price' }, `${say('total')} ${yuan(total)}`),
    ...(writeKey ? [make('button', { type: 'button', class: 'main order', 'data-testid': 'order', onclick: ({ currentTarget }) => void order(currentTarget, lines, total) }, say('order'))] : []),
    make('a', { class: 'back', href: '#/' }, '← ' + say('back')),
  ];
}

/**
 * Places an order. Of somebody who is signed in the shop's own server tells the
 * hub, with its secret key, so that it counts for the customer; else the browser does.
 */
async function order(button, lines, total) {
  button.disabled = true;
  const id = Date.now().toString(36).toUpperCase();
  const properties = { order_id: id, total, currency: 'CNY', products: lines.map((p) => ({ product_id: p.id, price: p.price, quantity: cart[p.id] })) };
  let stored;
  if (kept.get('signed-in') === 'yes') {
    const answer = await fetch('/api/order', { method: 'POST', body: JSON.stringify(properties) }).catch(() => null);
    stored = answer !== null && answer.ok;
  } else {
    stored = await track({ type: 'track', event: 'Order Completed', properties });
  }
  find('problem').hidden = stored;
  find('problem').textContent = stored ? '' : say('orderFailed');
  find('thanks').hidden = !stored;
  find('thanks').textContent = stored ? say('ordered', { id }) : '';
  button.disabled = false;
  if (!stored) return;
  cart = {};
  kept.set('cart', null);
  draw();
}

const shown = () => products.find(({ id }) => location.hash === '#/tea/' + id);

/** Draws the page the address names. */
function draw() {
  const product = shown();
  document.documentElement.lang = lang;
  document.title = product ? `${product[lang].name} – ${say('name')}` : say('name');
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = say(element.dataset.text);
  find('lang').textContent = say('lang');
  find('lang').lang = lang === 'en' ? 'zh-CN' : 'en';
  find('count').textContent = Object.values(cart).reduce((sum, n) => sum + n, 0);
  find('main').replaceChildren(...(product ? detail(product) : location.hash === '#/cart' ? cartView() : list()));
  showPerson();
}

function showPerson() {
  if (!find('sign-in')) return;
  const signedIn = kept.get('signed-in') === 'yes';
  find('sign-in').hidden = signedIn;
  find('sign-out').hidden = find('who').hidden = find('bind').hidden = !signedIn;
  find('who').textContent = say('hello');
}

/** Asks the shop's own server who is signed in, and tells the widget with the proof. */
async function signIn() {
  try {
    const response = await fetch('/api/sign-in', { method: 'POST', body: JSON.stringify({ anonymous_id: anonymousId() }) });
    if (!response.ok) throw new Error(String(response.status));
    const { user_id, hash, name, email, email_hash } = await response.json();
    kept.set('signed-in', 'yes');
    fanward('identify', { user_id, hash, name, email, email_hash });
    find('problem').hidden = true;
  } catch {
    find('problem').textContent = say('signInFailed');
    find('problem').hidden = false;
  }
  showPerson();
}

function signOut() {
  kept.set('signed-in', null);
  kept.set('anonymous', null); // whoever comes next is somebody else
  fanward('reset');
  showPerson();
  find('sign-in').focus();
}

/** Shows the code that joins this visitor's WeChat to their account. */
function showCode({ scene, expires_at, qr }) {
  const dialog = find('bind-dialog');
  const picture = find('bind-code');
  find('bind-none').hidden = qr !== null;
  find('bind-copy').hidden = qr === null;
  picture.hidden = !qr?.image_url;
  if (qr?.image_url) picture.src = qr.image_url;
  picture.alt = say('bindAlt');
  find('bind-copy').textContent = say('bindCopy');
  find('bind-copy').dataset.code = qr ? qr.url || scene : '';
  find('bind-until').textContent = qr ? say('bindUntil', { time: new Intl.DateTimeFormat(lang, { timeStyle: 'medium' }).format(new Date(expires_at)) }) : '';
  dialog.showModal();
}

find('bind')?.addEventListener('click', () => fanward('bindWeChat', showCode));
find('bind-close').addEventListener('click', () => find('bind-dialog').close());
find('bind-copy').addEventListener('click', async ({ currentTarget: button }) => {
  await navigator.clipboard.writeText(button.dataset.code);
  button.textContent = say('bindCopied');
});
find('lang').addEventListener('click', () => {
  lang = lang === 'en' ? 'zh-CN' : 'en';
  kept.set('lang', lang);
  fanward('locale', lang);
  draw();
});
find('sign-in')?.addEventListener('click', () => void signIn());
find('sign-out')?.addEventListener('click', signOut);
addEventListener('hashchange', () => {
  find('thanks').hidden = true;
  draw();
  trackPage(shown());
  scrollTo(0, 0);
  find('main').focus({ preventScroll: true });
});
draw();
trackPage(shown());
if (find('sign-in') && kept.get('signed-in') === 'yes') void signIn();
