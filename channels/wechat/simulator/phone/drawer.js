// The developer's drawer: what was pushed and answered, allowances, faults.
import { call, element, refresh } from './phone.js';
import { clockTime, say } from './words.js';

const sendPath = '/cgi-bin/message/custom/send';
const choices = [
  { name: '45015', fault: { path: sendPath, errcode: 45015 } },
  { name: '45047', fault: { path: sendPath, errcode: 45047 } },
  { name: '48002', fault: { path: sendPath, errcode: 48002 } },
  { name: '43004', fault: { path: sendPath, errcode: 43004 } },
  { name: '45011', fault: { path: sendPath, errcode: 45011 } },
  { name: '40001', fault: { path: sendPath, errcode: 40001 } },
  { name: '-1', fault: { path: sendPath, errcode: -1 } },
  { word: 'fault_500', fault: { path: sendPath, status: 500 } },
  { word: 'fault_hang', fault: { path: sendPath, hang: true } },
  { word: 'fault_reset', fault: { path: sendPath, reset: true, after: true } },
];

const titleOf = (choice) => choice.name ?? say(choice.word);

export class Drawer {
  constructor(node) {
    this.node = node;
    this.opened = new Set();
  }

  reset() {
    this.drawn = '';
  }

  toggle() {
    this.node.hidden = !this.node.hidden;
    if (this.state) this.update(this.state);
    return !this.node.hidden;
  }

  update(state) {
    this.state = state;
    if (this.node.hidden) return;
    const { version: _, now: __, ...rest } = state;
    const shape = JSON.stringify(rest);
    if (shape === this.drawn) return;
    this.drawn = shape;
    const at = this.node.scrollTop;
    const focused = this.node.contains(document.activeElement) ? document.activeElement.id : '';
    this.node.replaceChildren(this.faults(state), ...state.accounts.map((a) => this.account(a, state.now)), this.unknown(state));
    this.node.scrollTop = at;
    if (focused) document.getElementById(focused)?.focus();
  }

  faults(state) {
    const select = element('select', { id: 'fault', 'aria-label': say('fault_choose'), onchange: () => (this.chosen = select.selectedIndex) }, ...choices.map((c) => element('option', {}, titleOf(c))));
    select.selectedIndex = this.chosen ?? 0;
    return element(
      'section',
      {},
      element('h2', {}, say('faults')),
      element(
        'div',
        { class: 'line' },
        select,
        element('button', { id: 'fault-arm', type: 'button', onclick: () => call('/phone/faults', choices[select.selectedIndex].fault).then(refresh) }, say('fault_arm')),
        element('button', { id: 'fault-clear', type: 'button', onclick: () => call('/phone/faults', undefined, 'DELETE').then(refresh) }, say('fault_clear')),
      ),
      state.faults.length ? element('p', {}, say('fault_armed', { what: state.faults.map((f) => f.errcode || f.status || (f.hang && say('fault_hang')) || (f.reset && say('fault_reset')) || f.push).join(', ') })) : null,
    );
  }

  account(account, now) {
    const grants = account.people.filter((p) => p.allowance.grants.length);
    return element(
      'section',
      {},
      element('h2', {}, account.name || account.app_id),
      element('dl', {}, element('dt', {}, say('mode')), element('dd', {}, account.mode), element('dt', {}, say('push_url')), element('dd', {}, element('code', {}, account.push_url))),
      ...grants.map((p) =>
        element(
          'div',
          {},
          element('h3', {}, say('grants', { name: p.name })),
          element('ul', {}, ...p.allowance.grants.map((g) => element('li', {}, say('grant', { trigger: say(`trigger_${g.trigger}`), n: g.left < 0 ? say('without_limit') : g.left, time: clockTime(g.until, now) })))),
        ),
      ),
      element('h3', {}, say('pushes')),
      account.pushes.length ? null : element('p', { class: 'nothing' }, say('pushes_none')),
      ...account.pushes.toReversed().map((p) => this.push(account, p, now)),
    );
  }

  push(account, push, now) {
    const who = account.people.find((p) => p.openid === push.openid)?.name ?? push.openid;
    const last = push.attempts.at(-1);
    const verdict = last?.verdict ?? '';
    const good = ['acknowledged', 'empty', 'replied'].includes(verdict);
    const details = element(
      'details',
      { open: this.opened.has(push.id), ontoggle: () => (details.open ? this.opened.add(push.id) : this.opened.delete(push.id)) },
      element(
        'summary',
        { id: `push-${push.id}` },
        element('b', {}, push.what),
        ` ${who} · ${clockTime(push.at, now)} `,
        element('span', { class: good ? 'verdict good' : verdict ? 'verdict bad' : 'verdict' }, say(`verdict_${verdict}`)),
        push.attempts.length > 1 ? ` ×${push.attempts.length}` : '',
      ),
      element('h4', {}, say('xml')),
      element('pre', { tabindex: '0' }, push.xml),
      ...push.attempts.flatMap((a) => this.attempt(a, push)),
    );
    return details;
  }

  attempt(attempt, push) {
    const url = new URL(attempt.url, location.href);
    const signature = url.searchParams.get('msg_signature') ?? url.searchParams.get('signature');
    return [
      element('h4', {}, `${say('attempt', { n: attempt.number })} · ${say(`verdict_${attempt.verdict}`)}${attempt.status ? ` · ${attempt.status}` : ''} · ${say('milliseconds', { n: attempt.millis })}`),
      element('dl', {}, element('dt', {}, say('request')), element('dd', {}, element('code', {}, attempt.url)), element('dt', {}, say('signature')), element('dd', {}, element('code', {}, signature ?? ''))),
      ...(attempt.body === push.xml ? [] : [element('h5', {}, say('body')), element('pre', { tabindex: '0' }, attempt.body)]),
      element('h5', {}, say('answer')),
      element('pre', { tabindex: '0' }, attempt.answer || say('answer_empty')),
    ];
  }

  unknown(state) {
    if (!state.unknown_paths?.length) return '';
    return element('section', {}, element('h2', {}, say('unknown_paths')), element('ul', {}, ...state.unknown_paths.map((p) => element('li', {}, element('code', {}, p)))));
  }
}
