'use strict';

const find = (id) => document.getElementById(id);
const kept = {
  /** Reads what this browser kept; a browser that keeps nothing starts anew each time. */
  get(name) { try { return localStorage.getItem('mailbox:' + name); } catch { return null; } },
  set(name, value) {
    try {
      if (value === null) localStorage.removeItem('mailbox:' + name);
      else localStorage.setItem('mailbox:' + name, value);
    } catch { /* The page works without. */ }
  },
};

let lang = kept.get('lang') || (navigator.language.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en');
let box = { owner: { name: '', address: '' }, company: { name: '', address: '' }, mails: [] };
let loaded = false;
let online = true;
/** What is open: { thread } to read, { compose: true } to write, or nothing. */
let open = {};
/** The mail being written: it stays while mails arrive and the language changes. */
let draft = null;
const seen = new Set(JSON.parse(kept.get('seen') || '[]'));

const say = (key, params = {}) => fill(texts[lang][key], params);
const fill = (text, params) => text.replace(/\{(\w+)\}/g, (_, name) => params[name] ?? '');
const failure = (code, params) => fill(texts[lang].problem[code] || texts[lang].problem.other, params);

/** Makes an element; text is always text, never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function when(at) {
  const date = new Date(at);
  const today = new Date().toDateString() === date.toDateString();
  const text = new Intl.DateTimeFormat(lang, today ? { timeStyle: 'short' } : { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' }).format(date);
  return make('time', { datetime: at, title: new Intl.DateTimeFormat(lang, { dateStyle: 'full', timeStyle: 'medium' }).format(date) }, text);
}

function size(bytes) {
  const number = (n) => new Intl.NumberFormat(lang, { maximumFractionDigits: 1 }).format(n);
  if (bytes < 1000) return say('bytes', { n: number(bytes) });
  return bytes < 1e6 ? say('kilobytes', { n: number(bytes / 1000) }) : say('megabytes', { n: number(bytes / 1e6) });
}

/** The threads, the one with the newest mail first; mails within in their order. */
function threads() {
  const byThread = new Map();
  for (const mail of box.mails) { // newest first
    if (!byThread.has(mail.thread)) byThread.set(mail.thread, []);
    byThread.get(mail.thread).unshift(mail);
  }
  return [...byThread.values()];
}

const isNew = (mail) => !mail.sent && !seen.has(mail.id);

function markSeen(mails) {
  let changed = false;
  for (const mail of mails) {
    if (!isNew(mail)) continue;
    seen.add(mail.id);
    changed = true;
  }
  if (changed) kept.set('seen', JSON.stringify([...seen].slice(-1000)));
}

function drawList() {
  const items = threads().map((mails) => {
    const last = mails.at(-1);
    const fresh = mails.some(isNew);
    const who = last.sent ? say('me') : last.from.name || last.from.address;
    const current = open.thread === last.thread;
    return make('li', { class: fresh ? 'new' : '' }, make('button', {
      type: 'button', 'data-testid': 'thread', 'data-thread': last.thread, 'aria-current': current && 'true', onclick: () => read(last.thread),
    }, make('strong', {}, ...(fresh ? [make('span', { class: 'dot', role: 'img', 'aria-label': say('unread') })] : []), mails[0].subject || say('noSubject')), when(last.at),
    make('em', {}, `${who}: ${parts(last.text).now.replace(/\s+/g, ' ') || last.files.map((f) => f.name).join(', ')}`)));
  });
  const focused = document.activeElement?.dataset?.thread;
  find('threads').replaceChildren(...items);
  if (focused) document.querySelector(`[data-thread="${CSS.escape(focused)}"]`)?.focus();
  find('empty').hidden = !loaded || items.length > 0;
}

/** Parts a text into what was written now and the mails quoted below. */
function parts(text) {
  const match = /\n+[^\n]*(?:wrote:|写道：)\n(?:>[^\n]*(?:\n|$))+\s*$/.exec('\n' + text);
  return match ? { now: ('\n' + text).slice(1, match.index).trim(), before: match[0].trim() } : { now: text, before: '' };
}

function mailView(mail) {
  const { now, before } = parts(mail.text);
  const files = mail.files.map((f, n) => {
    const href = `/api/mails/${mail.id}/files/${n}`;
    const picture = /^image\/(png|jpeg|gif|webp)$/.test(f.type);
    return make('li', {}, make('a', { href, target: '_blank', rel: 'noreferrer', 'data-testid': 'file' }, ...(picture ? [make('img', { src: href, alt: f.name })] : [f.name, make('span', { class: 'soft' }, size(f.size))])));
  });
  return make('article', { class: mail.sent ? 'mail sent' : 'mail', 'data-testid': 'mail' },
    make('div', {}, make('strong', {}, mail.sent ? say('me') : mail.from.name || mail.from.address), make('span', { class: 'soft' }, mail.from.address), when(mail.at)),
    now ? make('p', { 'data-testid': 'mail-text' }, now) : null,
    before ? make('details', {}, make('summary', {}, say('quoted')), make('p', {}, before)) : null,
    files.length ? make('ul', { class: 'files' }, ...files) : null);
}

function backButton() {
  return make('button', { type: 'button', class: 'plain back', 'data-testid': 'back', onclick: () => leave(() => show({})) }, '← ' + say('back'));
}

function drawDetail() {
  const mails = open.thread ? threads().find((all) => all[0].thread === open.thread) : null;
  find('main').classList.toggle('open', Boolean(mails || open.compose));
  if (open.compose) {
    find('detail').replaceChildren(backButton(), make('h2', {}, say('compose')), form());
    return;
  }
  if (!mails) {
    find('detail').replaceChildren(loaded && box.mails.length ? make('p', { class: 'soft' }, say('choose')) : '');
    return;
  }
  markSeen(mails);
  const answering = draft && draft.thread === open.thread;
  find('detail').replaceChildren(backButton(), make('h2', {}, mails[0].subject || say('noSubject')), ...mails.map(mailView),
    answering ? form() : make('button', { type: 'button', class: 'primary', 'data-testid': 'reply', onclick: () => reply(mails) }, say('reply')));
}

/** The form of the draft. What is typed goes into the draft at once. */
function form() {
  const field = (name, element) => {
    element.value = draft[name];
    element.addEventListener('input', () => {
      draft[name] = element.value;
      draft.problem = null;
      document.querySelector('form .error')?.remove();
    });
    return element;
  };
  const picker = make('input', { type: 'file', multiple: true, hidden: true, 'data-testid': 'files', onchange: () => {
    draft.files.push(...picker.files);
    redrawForm('attach');
  } });
  const files = draft.files.map((f, n) => make('li', {}, make('span', {}, f.name, make('span', { class: 'soft' }, size(f.size)),
    make('button', { type: 'button', 'aria-label': say('remove', { name: f.name }), onclick: () => { draft.files.splice(n, 1); redrawForm('attach'); } }, '×'))));
  return make('form', { 'data-testid': 'form', onsubmit: (event) => { event.preventDefault(); void send(); } },
    make('label', {}, say('to'), make('output', {}, `${box.company.name} <${draft.to || box.company.address}>`)),
    draft.thread ? null : make('label', {}, say('subject'), field('subject', make('input', { type: 'text', 'data-testid': 'subject', id: 'subject', maxlength: '200' }))),
    make('label', {}, say('text'), field('text', make('textarea', { 'data-testid': 'text', id: 'text' }))),
    files.length ? make('ul', { class: 'files', 'aria-label': say('files') }, ...files) : null,
    draft.problem ? make('p', { class: 'error', role: 'alert', 'data-testid': 'problem' }, failure(draft.problem.code, draft.problem.params)) : null,
    picker,
    make('div', { class: 'acts' },
      make('button', { class: 'primary', 'data-testid': 'send', disabled: draft.sending }, draft.sending ? say('sending') : say('send')),
      make('button', { type: 'button', id: 'attach', 'data-testid': 'attach', onclick: () => picker.click() }, say('attach')),
      make('button', { type: 'button', class: 'plain', 'data-testid': 'cancel', onclick: () => leave(() => { draft = null; show(open.thread ? open : {}); }) }, say('cancel'))),
    draft.asking ? make('div', { class: 'acts', role: 'group', 'aria-label': say('discard') }, make('span', {}, say('discard')),
      make('button', { type: 'button', id: 'discard', 'data-testid': 'discard', onclick: () => { const go = draft.asking; draft = null; go(); } }, say('discardIt')),
      make('button', { type: 'button', onclick: () => { draft.asking = null; redrawForm('text'); } }, say('keep'))) : null);
}

function redrawForm(focus) {
  drawDetail();
  find(focus)?.focus();
}

/** Leaves the form: at once when nothing is written, else after a question. */
function leave(go) {
  if (draft && !draft.sending && (draft.text.trim() || draft.files.length || draft.subject.trim())) {
    draft.asking = go;
    redrawForm('discard');
    return;
  }
  if (!draft?.sending) draft = null;
  go();
}

function show(what) {
  open = what;
  history.replaceState(null, '', open.thread ? '#' + open.thread : '#');
  draw();
  find('detail').scrollTop = open.thread ? find('detail').scrollHeight : 0;
}

function read(thread) {
  if (open.thread === thread) return;
  leave(() => { show({ thread }); find('detail').focus({ preventScroll: true }); });
}

function reply(mails) {
  const first = mails.findLast((mail) => !mail.sent) || mails.at(-1);
  draft = { thread: open.thread, answers: first.id, subject: '', text: '', files: [] };
  redrawForm('text');
  find('text').scrollIntoView({ block: 'center' });
}

async function send() {
  if (draft.sending) return;
  const mine = draft;
  Object.assign(mine, { sending: true, problem: null, asking: null });
  redrawForm('text');
  const data = new FormData();
  data.set('subject', mine.subject);
  data.set('text', mine.text);
  data.set('lang', lang);
  if (mine.answers) data.set('answers', mine.answers);
  for (const f of mine.files) data.append('file', f);
  try {
    const response = await fetch('/api/mails', { method: 'POST', body: data });
    const answer = await response.json();
    if (!response.ok) throw answer;
    // Taken: from here on nothing is being written, whatever is drawn meanwhile.
    draft = null;
    open = { thread: answer.thread };
    await load().catch(() => {}); // follow() tells when the mailbox does not answer
    show(open);
  } catch (problem) {
    Object.assign(mine, { sending: false, problem: { code: problem.code || 'other', params: problem.params || {} } });
    redrawForm('text');
  }
}

function draw() {
  document.documentElement.lang = lang;
  document.title = say('title');
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = say(element.dataset.text);
  for (const element of document.querySelectorAll('[data-label]')) element.setAttribute('aria-label', say(element.dataset.label));
  find('lang').textContent = say('lang');
  find('lang').lang = lang === 'en' ? 'zh-CN' : 'en';
  find('owner').textContent = box.owner.address;
  find('offline').hidden = online;
  drawDetail();
  drawList();
}

let composing = false;
let waiting = false;
addEventListener('compositionstart', () => { composing = true; });
addEventListener('compositionend', () => {
  composing = false;
  if (waiting) redraw();
});

/** Draws everything and leaves the cursor where it was; an input method is not disturbed. */
function redraw() {
  waiting = composing;
  if (composing) return;
  const { id, selectionStart, selectionEnd } = document.activeElement || {};
  draw();
  const again = id && find(id);
  if (!again || again === document.activeElement) return;
  again.focus({ preventScroll: true });
  if (typeof selectionStart === 'number') again.setSelectionRange(selectionStart, selectionEnd);
}

async function load() {
  const response = await fetch('/api/mailbox');
  if (!response.ok) throw new Error(String(response.status));
  box = await response.json();
  loaded = true;
}

/** Follows the mailbox: asks what changed since the newest mail it has. */
async function follow() {
  for (;;) {
    try {
      const newest = box.mails[0]?.id || '';
      if (loaded) await fetch('/api/changes?newest=' + newest);
      await load();
      const grown = (box.mails[0]?.id || '') !== newest;
      if (!online || grown || !newest) {
        online = true;
        redraw();
      }
    } catch {
      online = false;
      find('offline').hidden = false;
      await new Promise((resolve) => { setTimeout(resolve, 3000); });
    }
  }
}

find('lang').addEventListener('click', () => {
  lang = lang === 'en' ? 'zh-CN' : 'en';
  kept.set('lang', lang);
  draw();
});
find('compose').addEventListener('click', () => leave(() => {
  draft = { subject: '', text: '', files: [] };
  show({ compose: true });
  find('subject').focus();
}));
addEventListener('hashchange', () => { if (location.hash.slice(1)) read(location.hash.slice(1)); });
if (location.hash.length > 1) open = { thread: location.hash.slice(1) };
draw();
void follow();
