// One person's phone: the chat with a service account.
import { call, element, refresh } from './phone.js';
import { clockTime, say } from './words.js';

const ownLines = new Set(['text', 'image', 'location']);

export class Phone {
  constructor(appID, openID) {
    this.appID = appID;
    this.openID = openID;
    this.seen = [];
    this.panel = '';
    this.head = element('div', { class: 'head' });
    this.log = element('div', { class: 'log', role: 'log', tabindex: '0' });
    this.foot = element('div', { class: 'foot' });
    this.node = element('section', { class: 'phone' }, this.head, this.log, this.foot);
  }

  act(action) {
    return call('/phone/act', { app_id: this.appID, openid: this.openID, ...action }).then(refresh);
  }

  update(account, person, now) {
    this.account = account;
    this.person = person;
    this.now = now;
    this.node.setAttribute('aria-label', person.name);
    this.drawHead();
    this.drawLog();
    const shape = JSON.stringify([person.subscribed, person.blocked, account.menu, account.codes.map((c) => c.scene)]);
    if (shape !== this.shape) {
      this.shape = shape;
      this.drawFoot();
    }
  }

  drawHead() {
    const { account, person } = this;
    const { left, until } = person.allowance;
    let words = say('left_none');
    if (left !== 0) words = say(left < 0 ? 'left_any' : 'left', { n: left, time: clockTime(until, this.now) });
    this.head.replaceChildren(
      element('div', {}, element('b', {}, account.name || account.app_id), element('small', {}, person.typing ? say('typing') : person.name)),
      element('span', { class: left === 0 ? 'allowance none' : 'allowance', 'aria-label': say('left_label') }, words),
    );
  }

  drawLog() {
    const chat = this.person.chat;
    const same = this.seen.every((id, i) => chat[i]?.id === id);
    if (!same) {
      this.log.replaceChildren();
      this.seen = [];
    }
    const added = chat.slice(this.seen.length);
    for (const line of added) this.log.append(this.line(line, chat[this.seen.length - 1])), this.seen.push(line.id);
    if (added.length) this.log.scrollTop = this.log.scrollHeight;
    this.log.setAttribute('aria-label', this.person.name);
  }

  line(line, before) {
    const nodes = document.createDocumentFragment();
    if (!before || new Date(line.at) - new Date(before.at) > 300_000) nodes.append(element('time', { datetime: line.at }, clockTime(line.at, this.now)));
    if (line.from === 'platform' || !ownLines.has(line.kind)) {
      const word = line.kind === 'follow' && line.text ? 'event_follow_scene' : `event_${line.kind}`;
      nodes.append(element('p', { class: line.kind === 'fault' ? 'event fault' : 'event' }, say(word, { name: this.person.name, scene: line.text ?? '' })));
      return nodes;
    }
    const mine = line.from === 'person';
    let content = line.text ?? '';
    if (line.kind === 'image') {
      content = element('img', { src: `/mmbiz/${line.media_id}`, alt: say('picture_alt') });
      content.addEventListener('load', () => (this.log.scrollTop = this.log.scrollHeight));
    } else if (line.kind === 'location') {
      content = element('span', { class: 'place' }, line.text);
    }
    nodes.append(
      element(
        'div',
        { class: mine ? 'row mine' : 'row' },
        element('span', { class: mine ? 'avatar' : 'avatar account', 'aria-hidden': 'true' }, [...(mine ? this.person.name : this.account.name || 'A')][0]),
        element('div', { class: line.kind === 'image' ? 'bubble picture' : 'bubble' }, content),
      ),
    );
    return nodes;
  }

  drawFoot() {
    const typed = this.input?.value ?? '';
    const focused = this.input !== undefined && document.activeElement === this.input;
    this.input = undefined;
    if (!this.person.subscribed) {
      this.foot.replaceChildren(
        element(
          'div',
          { class: 'card' },
          element('b', {}, this.account.name || this.account.app_id),
          element('small', {}, say('account_kind')),
          element('p', {}, say('not_following', { name: this.person.name })),
          element('button', { type: 'button', class: 'primary', onclick: () => this.act({ do: 'follow' }) }, say('follow')),
          element('button', { type: 'button', onclick: () => this.open('scan') }, say('scan')),
        ),
        this.drawPanel(),
      );
      return;
    }
    this.input = element('input', { 'aria-label': say('write', { name: this.person.name }), maxlength: '2000', autocomplete: 'off' });
    this.input.value = typed;
    const form = element(
      'form',
      {
        class: 'composer',
        onsubmit: (event) => {
          event.preventDefault();
          const input = this.input;
          const text = input.value;
          input.value = '';
          this.act({ do: 'text', text }).catch(() => (input.value ||= text));
        },
      },
      this.input,
      element('button', { type: 'submit', class: 'primary' }, say('send')),
      element('button', { type: 'button', class: 'plus', 'aria-label': say('more', { name: this.person.name }), 'aria-expanded': String(this.panel !== ''), onclick: () => this.open('more') }, '+'),
    );
    this.foot.replaceChildren(form, this.drawPanel(), this.drawMenu());
    if (focused) this.input.focus();
  }

  open(panel) {
    this.panel = this.panel === panel ? '' : panel;
    this.drawFoot();
    this.foot.querySelector('.panel input, .panel button')?.focus();
  }

  drawPanel() {
    switch (this.panel) {
      case 'more':
        return this.morePanel();
      case 'scan':
        return this.scanPanel();
      case 'location':
        return this.locationPanel();
      default:
        return element('div', { hidden: true });
    }
  }

  morePanel() {
    const file = element('input', { type: 'file', accept: 'image/png,image/jpeg,image/gif', 'aria-label': say('picture'), onchange: () => this.sendPicture(file.files[0]) });
    return element(
      'div',
      { class: 'panel tools' },
      element('label', { class: 'tool' }, say('picture'), file),
      element('button', { type: 'button', class: 'tool', onclick: () => this.open('location') }, say('location')),
      element('button', { type: 'button', class: 'tool', onclick: () => this.open('scan') }, say('scan')),
      element('button', { type: 'button', class: 'tool', onclick: () => this.block() }, say(this.person.blocked ? 'unblock' : 'block')),
      element('button', { type: 'button', class: 'tool danger', onclick: () => this.leave() }, say('unfollow')),
    );
  }

  async sendPicture(file) {
    if (!file) return;
    const { media_id } = await call(`/phone/media?app_id=${encodeURIComponent(this.appID)}`, file);
    this.panel = '';
    await this.act({ do: 'image', media_id });
    this.drawFoot();
  }

  block() {
    return call('/phone/block', { app_id: this.appID, openid: this.openID, blocked: !this.person.blocked }).then(refresh);
  }

  leave() {
    this.panel = '';
    return this.act({ do: 'unfollow' });
  }

  locationPanel() {
    const label = element('input', { 'aria-label': say('place') });
    label.value = say('place_default');
    return element(
      'form',
      {
        class: 'panel',
        onsubmit: (event) => {
          event.preventDefault();
          this.panel = '';
          this.act({ do: 'location', lat: 31.2235, lon: 121.4453, label: label.value }).then(() => this.drawFoot());
        },
      },
      label,
      element('button', { type: 'submit', class: 'primary' }, say('place_send')),
      element('button', { type: 'button', onclick: () => this.open('location') }, say('close')),
    );
  }

  scanPanel() {
    const scan = (code) => {
      this.act({ do: 'scan', code }).then(() => {
        this.panel = '';
        this.drawFoot();
      });
    };
    const code = element('input', { 'aria-label': say('scan_hint'), placeholder: say('scan_hint') });
    return element(
      'form',
      {
        class: 'panel',
        onsubmit: (event) => {
          event.preventDefault();
          scan(code.value);
        },
      },
      code,
      element('button', { type: 'submit', class: 'primary' }, say('scan_do')),
      element('button', { type: 'button', onclick: () => this.open('scan') }, say('close')),
      this.account.codes.length ? element('div', { class: 'codes', role: 'group', 'aria-label': say('codes') }, ...this.account.codes.map((c) => element('button', { type: 'button', onclick: () => scan(c.ticket) }, c.scene))) : null,
    );
  }

  drawMenu() {
    const buttons = this.account.menu?.button ?? [];
    if (!buttons.length) return element('div', { hidden: true });
    const tap = (b) => this.act({ do: 'tap', key: b.key || b.url });
    return element(
      'div',
      { class: 'menu' },
      ...buttons.map((top) => {
        if (!top.sub_button?.length) return element('button', { type: 'button', onclick: () => tap(top) }, top.name);
        const list = element('div', { class: 'sub', hidden: true }, ...top.sub_button.map((b) => element('button', { type: 'button', onclick: () => ((list.hidden = true), tap(b)) }, b.name)));
        return element('div', {}, element('button', { type: 'button', 'aria-label': say('menu_open', { name: top.name }), onclick: () => (list.hidden = !list.hidden) }, `≡ ${top.name}`), list);
      }),
    );
  }
}
