import { describe, expect, it } from 'vitest';
import en from '../../../internal/locale/catalog/en/widget.json';
import zh from '../../../internal/locale/catalog/zh-CN/widget.json';
import { readableOn, safeColor } from '../src/color';
import { CompositionGuard } from '../src/ime';
import { linkify } from '../src/linkify';
import { chooseLocale, dayName, errorText, fileSize, locale, matchLocale, t } from '../src/locale';

describe('language', () => {
  it.each([
    ['zh', 'zh-CN'],
    ['zh-TW', 'zh-CN'],
    ['ZH_hans', 'zh-CN'],
    ['en-GB', 'en'],
    ['EN', 'en'],
    ['english', null],
    ['de', null],
    ['', null],
    [undefined, null],
  ])('matches %s to %s', (tag, match) => {
    expect(matchLocale(tag)).toBe(match);
  });

  it('takes the first tag it knows, else the fallback', () => {
    expect(chooseLocale([undefined, '', 'de', 'zh-HK', 'en'], 'en')).toBe('zh-CN');
    expect(chooseLocale(['de', 'fr'], 'zh-CN')).toBe('zh-CN');
  });

  it('has the same keys and placeholders in both languages', () => {
    const flat = (texts: object, prefix = ''): [string, string][] =>
      Object.entries(texts).flatMap(([key, text]) => (typeof text === 'string' ? [[prefix + key, text.match(/\{\{\w+\}\}/g)?.sort().join() ?? '']] : flat(text as object, `${prefix}${key}.`)) as [string, string][]);
    expect(flat(zh).sort()).toEqual(flat(en).sort());
  });

  it('fills placeholders and falls back for unknown codes', () => {
    locale.value = 'en';
    expect(t('typing', { name: 'Lin' })).toBe('Lin is typing');
    expect(errorText('too_many_files', { max: 10 })).toContain('10');
    expect(errorText('never_heard_of')).toBe(en.error.internal);
    locale.value = 'zh-CN';
    expect(t('typing', { name: 'Lin' })).toBe('Lin正在输入');
    expect(errorText('never_heard_of')).toBe(zh.error.internal);
  });

  it('names days as people do', () => {
    locale.value = 'en';
    const now = new Date(2026, 2, 10, 0, 5);
    expect(dayName(new Date(2026, 2, 10, 0, 0), now)).toBe('Today');
    expect(dayName(new Date(2026, 2, 9, 23, 59), now)).toBe('Yesterday');
    expect(dayName(new Date(2026, 1, 3), now)).toBe('February 3');
    expect(dayName(new Date(2025, 1, 3), now)).toBe('February 3, 2025');
    locale.value = 'zh-CN';
    expect(dayName(new Date(2025, 1, 3), now)).toBe('2025年2月3日');
  });

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1536, '1.5 KB'],
    [20 * 1024 * 1024, '20 MB'],
    [5 * 1024 ** 4, '5120 GB'],
  ])('writes %i bytes as %s', (bytes, text) => {
    expect(fileSize(bytes)).toBe(text);
  });
});

describe('links', () => {
  const links = (body: string): (string | undefined)[] => linkify(body).flatMap(({ href }) => href ?? []);

  it.each([
    ['see https://tea.example/a?b=c#d.', ['https://tea.example/a?b=c#d']],
    ['(http://tea.example/a)', ['http://tea.example/a']],
    ['https://tea.example/a_(b)', ['https://tea.example/a_(b)']],
    ['看这里https://tea.example/茶。谢谢', ['https://tea.example/%E8%8C%B6']],
    ['https://a.example，https://b.example！', ['https://a.example/', 'https://b.example/']],
    ['javascript:alert(1) data:text/html,x ftp://a.example //a.example www.a.example', []],
    ['https://', []],
    ['<a href="https://tea.example/x">y</a>', ['https://tea.example/x']],
  ])('finds the addresses of %s', (body, expected) => {
    expect(links(body)).toEqual(expected);
  });

  it('loses nothing of the text', () => {
    const body = 'a https://tea.example/x, <b> & https://y.example\n end';
    expect(
      linkify(body)
        .map(({ text }) => text)
        .join(''),
    ).toBe(body);
  });
});

describe('colours', () => {
  it.each([
    ['#000000', '#ffffff'],
    ['#1f6feb', '#ffffff'],
    ['#2f6f4f', '#ffffff'],
    ['#ffd400', '#16181d'],
    ['#ffffff', '#16181d'],
  ])('on %s writes %s', (background, text) => {
    expect(readableOn(background)).toBe(text);
  });

  it('accepts only plain colours', () => {
    expect(safeColor('#A1b2C3')).toBe('#A1b2C3');
    for (const odd of ['red', '#fff', '#12345g', 'url(x)', '']) expect(safeColor(odd)).toBe('#1f6feb');
  });
});

describe('Enter and input methods', () => {
  const key = (more: object = {}) => ({ key: 'Enter', keyCode: 13, shiftKey: false, isComposing: false, timeStamp: 1000, ...more });

  it.each([
    ['Enter', {}, true],
    ['Shift-Enter', { shiftKey: true }, false],
    ['another key', { key: 'a', keyCode: 65 }, false],
    ['Enter that the browser says composes', { isComposing: true }, false],
    ['Enter with the code of input methods', { keyCode: 229 }, false],
  ])('%s', (_, more, sends) => {
    expect(new CompositionGuard().sends(key(more))).toBe(sends);
  });

  it('never sends while composing nor with the Enter that ended it', () => {
    const guard = new CompositionGuard();
    guard.start();
    expect(guard.sends(key())).toBe(false);
    guard.end(1000); // Safari ends the composition before the key goes down.
    expect(guard.sends(key({ timeStamp: 1000 }))).toBe(false);
    expect(guard.sends(key({ timeStamp: 1099 }))).toBe(false);
    expect(guard.sends(key({ timeStamp: 1100 }))).toBe(true);
  });
});
