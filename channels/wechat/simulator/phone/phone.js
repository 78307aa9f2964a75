// Keeps the page in step with the simulator and lets each person act.
import { Phone } from './chat.js';
import { Drawer } from './drawer.js';
import { clockTime, known, say, speak, spoken } from './words.js';

/** element makes a DOM node: attributes by name, handlers by onclick and the like. */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, '');
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.filter((c) => c != null));
  return node;
}

/** Told is what went wrong and has been told to the person already. */
class Told extends Error {}
addEventListener('unhandledrejection', (event) => {
  if (event.reason instanceof Told) event.preventDefault();
});

/** call posts to the simulator; what goes wrong is told and rejected. */
export async function call(path, body, method = 'POST') {
  const raw = body instanceof Blob;
  let response;
  try {
    response = await fetch(path, { method, body: raw || body === undefined ? body : JSON.stringify(body) });
  } catch {
    tell(say('offline'));
    throw new Told('offline');
  }
  const answer = await response.json().catch(() => ({ error: `HTTP ${response.status}` }));
  if (!response.ok) {
    const code = String(answer.error).split(':')[0];
    tell(known(`error_${code}`) ? say(`error_${code}`) : say('error_other', { code }));
    throw new Told(code);
  }
  tell('');
  return answer;
}

const problem = document.getElementById('problem');
let problemTimer;
function tell(sentence) {
  clearTimeout(problemTimer);
  problem.textContent = sentence;
  problem.hidden = !sentence;
  if (sentence) problemTimer = setTimeout(() => tell(''), 12_000);
}

const people = document.getElementById('people');
const phonesArea = document.getElementById('phones');
const drawer = new Drawer(document.getElementById('drawer'));
const phones = new Map(); // by account and openid
let chosen = new Set(JSON.parse(localStorage.getItem('phones') ?? 'null') ?? []);
let untouched = localStorage.getItem('phones') === null;
let state = null;

const keyOf = (account, person) => `${account.app_id}/${person.openid}`;

function choose(key) {
  untouched = false;
  if (!chosen.delete(key)) chosen.add(key);
  localStorage.setItem('phones', JSON.stringify([...chosen]));
  draw();
}

function drawPeople() {
  const had = people.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const typed = people.querySelector('input')?.value ?? '';
  people.replaceChildren();
  for (const account of state.accounts) {
    people.append(element('h2', {}, account.name || account.app_id));
    for (const person of account.people) {
      const key = keyOf(account, person);
      const last = person.chat.at(-1);
      people.append(
        element(
          'button',
          { type: 'button', 'data-key': key, 'aria-pressed': String(chosen.has(key)), title: say(chosen.has(key) ? 'hide' : 'show', { name: person.name }), onclick: () => choose(key) },
          element('span', { class: 'avatar', 'aria-hidden': 'true' }, [...person.name][0]),
          element('span', { class: 'who' }, element('b', {}, person.name), element('small', {}, last ? last.text || say(last.kind === 'image' ? 'picture_alt' : `event_${last.kind}`, { name: person.name, scene: '' }) : '')),
        ),
      );
    }
    const input = element('input', { 'aria-label': say('person_name'), placeholder: say('person_add'), maxlength: '20', 'data-key': 'new' });
    input.value = typed;
    people.append(
      element(
        'form',
        {
          onsubmit: async (event) => {
            event.preventDefault();
            const { openid } = await call('/phone/people', { app_id: account.app_id, name: input.value });
            input.value = '';
            chosen.add(`${account.app_id}/${openid}`);
            localStorage.setItem('phones', JSON.stringify([...chosen]));
            await refresh();
          },
        },
        input,
        element('button', { type: 'submit' }, say('add')),
      ),
    );
  }
  if (had) [...people.querySelectorAll('[data-key]')].find((n) => n.dataset.key === had)?.focus();
}

function drawPhones() {
  const wanted = [];
  for (const account of state.accounts) {
    for (const person of account.people) {
      const key = keyOf(account, person);
      if (!chosen.has(key)) continue;
      wanted.push(key);
      if (!phones.has(key)) phones.set(key, new Phone(account.app_id, person.openid));
      phones.get(key).update(account, person, state.now);
    }
  }
  for (const [key, phone] of phones) {
    if (!wanted.includes(key)) {
      phone.node.remove();
      phones.delete(key);
    }
  }
  for (const key of wanted) if (!phones.get(key).node.isConnected) phonesArea.append(phones.get(key).node);
  phonesArea.querySelector('.nothing')?.remove();
  if (wanted.length === 0) phonesArea.append(element('p', { class: 'nothing' }, say(state.accounts.length ? 'nobody' : 'no_account')));
}

function drawFrame() {
  document.documentElement.lang = spoken();
  for (const node of document.querySelectorAll('[data-word]')) node.textContent = say(node.dataset.word);
  for (const node of document.querySelectorAll('[data-label]')) node.setAttribute('aria-label', say(node.dataset.label));
  document.title = say('title');
  document.getElementById('language').textContent = say('language');
  const now = document.getElementById('now');
  now.dateTime = state.now;
  now.textContent = new Date(state.now).toLocaleString(spoken(), { dateStyle: 'medium', timeStyle: 'short' });
  const moves = document.getElementById('moves');
  moves.hidden = !state.clock_movable;
  if (moves.dataset.language !== spoken()) {
    moves.dataset.language = spoken();
    moves.replaceChildren(
      ...[['move_minute', 60], ['move_hour', 3600], ['move_window', 172_800]].map(([word, seconds]) =>
        element('button', { type: 'button', onclick: () => call('/phone/clock', { seconds }).then(refresh) }, say(word)),
      ),
    );
  }
}

function draw() {
  if (!state) return;
  if (untouched) {
    const everybody = state.accounts.flatMap((a) => a.people.map((p) => keyOf(a, p)));
    chosen = new Set(everybody.slice(0, matchMedia('(min-width: 1100px)').matches ? 2 : 1));
  }
  drawFrame();
  drawPeople();
  drawPhones();
  drawer.update(state);
}

let reading = null;
let again = false;
/** refresh reads the whole state; calls that come meanwhile lead to one more. */
export function refresh() {
  if (reading) {
    again = true;
    return reading;
  }
  reading = fetch('/phone/state')
    .then((r) => r.json())
    .then((s) => {
      state = s;
      draw();
    })
    .catch(() => tell(say('offline')))
    .finally(() => {
      reading = null;
      if (again) {
        again = false;
        refresh();
      }
    });
  return reading;
}

document.getElementById('language').addEventListener('click', () => {
  speak(spoken() === 'en' ? 'zh-CN' : 'en');
  for (const phone of phones.values()) phone.node.remove();
  phones.clear();
  drawer.reset();
  draw();
});
document.getElementById('drawer-toggle').addEventListener('click', (event) => {
  const shown = drawer.toggle();
  event.currentTarget.setAttribute('aria-expanded', String(shown));
});

const events = new EventSource('/phone/events');
events.addEventListener('message', () => {
  if (problem.textContent === say('offline')) tell('');
  refresh();
});
events.addEventListener('error', () => tell(say('offline')));
setInterval(refresh, 20_000); // allowances run out without anything happening
