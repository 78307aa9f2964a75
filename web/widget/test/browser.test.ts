// @vitest-environment node
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MockServer } from './mock-server';

const chrome = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

let script = '';
let built: string[] = [];

beforeAll(async () => {
  // As in production: within this process the build would be one for tests.
  const folder = mkdtempSync(join(tmpdir(), 'fanward-widget-'));
  const vite = join(dirname(createRequire(import.meta.url).resolve('vite/package.json')), 'bin/vite.js');
  await promisify(execFile)(process.execPath, [vite, 'build', '--outDir', folder, '--logLevel', 'warn'], {
    cwd: new URL('..', import.meta.url),
    env: { ...process.env, NODE_ENV: 'production' },
  });
  built = readdirSync(folder);
  script = readFileSync(join(folder, 'widget.js'), 'utf8');
  rmSync(folder, { recursive: true });
}, 60_000);

describe('the built script', () => {
  it('is at most 20 KB gzipped, styles and both languages included', () => {
    expect(built).toEqual(['widget.js']);
    // Servers' compressors differ by up to a hundredth.
    expect(gzipSync(script, { level: 9 }).length * 1.01).toBeLessThanOrEqual(20 * 1024);
    expect(script).toContain('打开聊天窗口');
    expect(script).toContain('Open the chat');
    expect(script).toContain('.launcher');
  });
});

describe.skipIf(!existsSync(chrome))('in a browser', () => {
  let browser: Browser;
  let server: MockServer;
  let context: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: chrome, args: flags });
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    server = new MockServer();
    await server.start();
    server.pages.set('/favicon.ico', { type: 'image/x-icon', body: '' });
    server.pages.set('/widget.js', { type: 'text/javascript', body: script });
    server.pages.set('/', {
      type: 'text/html',
      body: '<!doctype html><html lang="en"><title>Shop</title><style>*{color:red!important;font-size:40px!important}div,button{display:none!important}</style><p>Shop</p><script>window.fanward=window.fanward||function(){(fanward.q=fanward.q||[]).push(arguments)}</script><script async src="/widget.js" data-account="tea"></script>',
      headers: { 'Content-Security-Policy': "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' blob:" },
    });
    context = await browser.newContext({ locale: 'en-US' });
    context.setDefaultTimeout(4000);
    page = await context.newPage();
    await page.goto(server.origin);
  });
  afterEach(async () => {
    await context.close();
    await server.stop();
  });

  const message = (text: string) => page.getByTestId('message').filter({ hasText: text });

  it('asks for one session and opens no socket until the visitor opens the panel', async () => {
    await page.getByTestId('launcher').waitFor();
    expect(server.calls).toEqual([{ method: 'POST', path: '/channels/webchat/tea/session' }]);
    expect(server.frames).toEqual([]);
    await page.getByTestId('launcher').click();
    await page.getByTestId('connection').and(page.locator('[data-state=online]')).waitFor({ state: 'attached' });
    expect(await page.evaluate(() => document.cookie)).toBe('');
  });

  it('carries a conversation both ways with marks, typing and badge', async () => {
    await page.getByTestId('launcher').click();
    await page.getByTestId('greeting').getByText('Good day').waitFor();
    await page.getByTestId('input').fill('Is the oolong in stock?\nhttps://tea.example/a <b>x</b>');
    await page.getByTestId('input').press('Enter');
    await message('oolong').and(page.locator('[data-state=sent][data-seq="1"][data-direction=in]')).waitFor();
    expect(await message('oolong').locator('a').getAttribute('href')).toBe('https://tea.example/a');
    expect(await message('oolong').locator('b').count()).toBe(0);
    server.see(server.visitor);
    await message('oolong').and(page.locator('[data-state=seen]')).waitFor();
    server.tell(server.visitor, { t: 'typing', on: true, name: 'Lin' });
    await page.getByTestId('typing').waitFor();
    server.answer(server.visitor, 'Yes, twelve tins');
    await message('twelve tins').and(page.locator('[data-direction=out]')).waitFor();
    await page.getByTestId('typing').waitFor({ state: 'detached' });
    await page.getByTestId('input').press('Escape');
    await page.getByTestId('panel').waitFor({ state: 'detached' });
    server.answer(server.visitor, 'Shall I keep one for you?');
    await page.getByTestId('preview').getByText('Shall I keep').waitFor();
    expect(await page.getByTestId('badge').textContent()).toBe('1');
    await page.getByTestId('launcher').click();
    await message('Shall I keep').waitFor();
    await expect.poll(() => server.visitor.conversation?.customer_read_seq).toBe(3);
  });

  it('keeps what is written offline over a reload and sends it once, in order', async () => {
    await page.getByTestId('launcher').click();
    await page.getByTestId('input').fill('first');
    await page.getByTestId('input').press('Enter');
    await message('first').and(page.locator('[data-state=sent]')).waitFor();
    await context.setOffline(true);
    server.closeSockets(1006);
    server.blockSockets = true;
    for (const text of ['second', 'third']) {
      await page.getByTestId('input').fill(text);
      await page.getByTestId('input').press('Enter');
    }
    await message('third').and(page.locator('[data-state=sending]')).waitFor();
    await context.setOffline(false);
    server.blockSockets = false;
    await page.reload();
    await page.getByTestId('launcher').click();
    await message('third').and(page.locator('[data-state=sent]')).waitFor();
    expect(server.visitor.messages.map(({ body }) => body)).toEqual(['first', 'second', 'third']);
  });

  it('says at once that there is no network, and that there is one again', async () => {
    await page.getByTestId('launcher').click();
    await page.locator('[data-testid=connection][data-state=online]').waitFor({ state: 'attached' });
    server.blockSockets = true;
    await context.setOffline(true);
    await page.locator('[data-testid=connection][data-state=offline]').waitFor({ state: 'attached', timeout: 3000 });
    server.blockSockets = false;
    await context.setOffline(false);
    await page.locator('[data-testid=connection][data-state=online]').waitFor({ state: 'attached' });
  });

  it('falls back to requests when sockets are blocked', async () => {
    server.blockSockets = true;
    await page.getByTestId('launcher').click();
    await page.getByTestId('input').fill('no socket here');
    await page.getByTestId('input').press('Enter');
    await message('no socket').and(page.locator('[data-state=sent]')).waitFor({ timeout: 20_000 });
    server.answer(server.visitor, 'polled answer');
    await message('polled answer').waitFor({ timeout: 20_000 });
    expect(await page.getByTestId('connection').getAttribute('data-state')).toBe('polling');
  }, 30_000);

  it('gets a new token when the old one is refused, and sends what waited', async () => {
    await page.getByTestId('launcher').click();
    await page.getByTestId('input').fill('before');
    await page.getByTestId('input').press('Enter');
    await message('before').and(page.locator('[data-state=sent]')).waitFor();
    server.visitors.clear();
    server.closeSockets(4005);
    await page.getByTestId('input').fill('after');
    await page.getByTestId('input').press('Enter');
    await message('after').and(page.locator('[data-state=sent]')).waitFor();
    expect(server.visitor.messages.map(({ body }) => body)).toEqual(['after']);
  });

  it('shows a person who signs in their own thread and keeps nothing after sign-out', async () => {
    const ming = server.newVisitor('user-ming');
    server.append(ming, { direction: 'out', author_name: 'Lin', body: 'Welcome back, Ming' });
    await page.getByTestId('launcher').click();
    await page.getByTestId('input').fill('as nobody');
    await page.getByTestId('input').press('Enter');
    await message('as nobody').and(page.locator('[data-state=sent]')).waitFor();
    await page.evaluate(() => window.fanward?.('identify', { user_id: 'ming', hash: 'ab' }));
    await message('Welcome back').waitFor();
    await message('as nobody').waitFor({ state: 'detached' });
    await page.getByTestId('input').fill('a secret draft');
    await page.evaluate(() => window.fanward?.('reset'));
    await message('Welcome back').waitFor({ state: 'detached' });
    expect(await page.getByTestId('input').inputValue()).toBe('');
    expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toMatch(/user-ming|secret/);
  });

  it('disappears quietly when the account is switched off', async () => {
    const said: string[] = [];
    page.on('console', (line) => said.push(line.text()));
    await page.getByTestId('launcher').click();
    await page.getByTestId('connection').and(page.locator('[data-state=online]')).waitFor({ state: 'attached' });
    server.closeSockets(4006);
    await page.locator('fanward-widget').waitFor({ state: 'detached' });
    expect(said).toEqual([]);
  });

  it('names the cure when the website is not allowed', async () => {
    server.problems.set('/session', { status: 403, code: 'origin_refused', times: 9 });
    const said = page.waitForEvent('console', (line) => line.type() === 'warning');
    await page.reload();
    expect((await said).text()).toContain(`Add ${server.origin} to the allowed websites`);
    expect(await page.getByTestId('launcher').count()).toBe(0);
  });

  it('tells the page about unread messages and leaves when asked', async () => {
    await page.getByTestId('launcher').click();
    await page.getByTestId('input').fill('hi');
    await page.getByTestId('input').press('Enter');
    await message('hi').and(page.locator('[data-state=sent]')).waitFor();
    await page.evaluate(() => {
      window.fanward?.('on', 'unread', (count: number) => (document.title = `unread ${count}`));
      window.fanward?.('toggle');
    });
    server.answer(server.visitor, 'one');
    server.answer(server.visitor, 'two');
    await page.waitForFunction(() => document.title === 'unread 2');
    await page.evaluate(() => window.fanward?.('shutdown'));
    await page.locator('fanward-widget').waitFor({ state: 'detached' });
    await expect.poll(() => server.visitor.sockets.size).toBe(0);
  });

  it('uploads files and shows images', async () => {
    await page.getByTestId('launcher').click();
    const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==', 'base64');
    await page.getByTestId('attach').setInputFiles([
      { name: 'leaf.png', mimeType: 'image/png', buffer: png },
      { name: 'order.txt', mimeType: 'text/plain', buffer: Buffer.from('two tins') },
    ]);
    await page.getByTestId('send').click();
    const sent = page.locator('[data-testid=message][data-state=sent]');
    await sent.locator('img').waitFor();
    await sent.getByText('order.txt').waitFor();
    await page.getByTestId('attach').setInputFiles({ name: 'big.bin', mimeType: 'application/octet-stream', buffer: Buffer.alloc((1 << 20) + 1) });
    expect(await page.getByTestId('notice').getAttribute('data-code')).toBe('file_too_large');
  });

  it('speaks Chinese on a page that is not UTF-8', async () => {
    await page.evaluate(() => window.fanward?.('locale', 'zh-CN'));
    expect(await page.evaluate(() => document.characterSet)).toBe('windows-1252');
    expect(await page.getByTestId('launcher').getAttribute('aria-label')).toBe('打开聊天窗口');
  });

  it('is not touched by the page’s styles', async () => {
    await page.getByTestId('launcher').click();
    const look = await page.getByTestId('greeting').evaluate((element) => {
      const { color, fontSize, display } = getComputedStyle(element);
      return { color, fontSize, display };
    });
    expect(look).toEqual({ color: 'rgb(28, 31, 36)', fontSize: '14px', display: 'flex' });
    expect(await page.locator('p').evaluate((element) => getComputedStyle(element).position)).toBe('static');
  });

  it('shares unread marks and the queue between tabs', async () => {
    await page.getByTestId('launcher').click();
    await page.getByTestId('input').fill('hello');
    await page.getByTestId('input').press('Enter');
    await message('hello').and(page.locator('[data-state=sent]')).waitFor();
    await page.getByTestId('close').click();
    const other = await context.newPage();
    await other.goto(server.origin);
    await expect.poll(() => server.visitor.sockets.size).toBe(2);
    server.answer(server.visitor, 'to both');
    await other.getByTestId('badge').waitFor();
    await page.bringToFront();
    await page.getByTestId('launcher').click();
    await other.getByTestId('badge').waitFor({ state: 'detached' });
    await other.close();
  });
});
