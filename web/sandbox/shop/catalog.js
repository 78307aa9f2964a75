'use strict';

/** What the shop says, in both its languages. */
const texts = {
  en: {
    name: 'Lin’s Tea',
    tagline: 'Six things we would drink ourselves',
    intro: 'Small harvests, roasted and packed in our own shop.',
    lang: '中文',
    signIn: 'Sign in as Ming',
    signOut: 'Sign out',
    hello: 'Ming',
    cart: 'Cart',
    add: 'Add to cart',
    added: 'In the cart: {n}',
    back: 'All teas',
    ask: 'Ask about this',
    empty: 'The cart is empty.',
    remove: 'Remove',
    total: 'Total',
    signInFailed: 'The sign-in did not work. Check that the shop’s server is running and try again.',
    footer: 'A demonstration shop. Nothing here is for sale.',
  },
  'zh-CN': {
    name: '林记茶铺',
    tagline: '六样我们自己也喝的好茶',
    intro: '小批采制，自家焙火、自家包装。',
    lang: 'English',
    signIn: '以小明身份登录',
    signOut: '退出登录',
    hello: '小明',
    cart: '购物车',
    add: '加入购物车',
    added: '购物车中：{n} 件',
    back: '全部商品',
    ask: '咨询这件商品',
    empty: '购物车还是空的。',
    remove: '移除',
    total: '合计',
    signInFailed: '登录没有成功。请确认店铺服务器正在运行，然后重试。',
    footer: '演示店铺，商品不作销售。',
  },
};

/** Prices in yuan. `picture` names a symbol of the page. */
const products = [
  {
    id: 'longjing',
    price: 168,
    en: { name: 'West Lake Longjing', unit: '100 g tin', text: 'Picked before Qingming and pan-fired by hand. Chestnut and fresh peas; 80 °C water, two minutes.' },
    'zh-CN': { name: '西湖龙井', unit: '100 克罐装', text: '明前采摘，手工炒制。板栗与豆香，80 °C 水泡两分钟。' },
  },
  {
    id: 'tieguanyin',
    price: 128,
    en: { name: 'Anxi Tieguanyin', unit: '125 g bag', text: 'Tightly rolled oolong with an orchid scent. Good for seven infusions, each a little different.' },
    'zh-CN': { name: '安溪铁观音', unit: '125 克袋装', text: '颗粒紧结，兰花香明显。可冲七泡，泡泡不同。' },
  },
  {
    id: 'puer',
    price: 259,
    en: { name: 'Menghai ripe Pu’er, 2018', unit: '357 g cake', text: 'Dark, smooth and a little sweet, stored dry for eight years. Rinse once, then boiling water.' },
    'zh-CN': { name: '勐海熟普（2018）', unit: '357 克饼', text: '干仓存放八年，汤色红浓，入口醇滑回甘。洗茶一次，沸水冲泡。' },
  },
  {
    id: 'jasmine',
    price: 88,
    en: { name: 'Jasmine green', unit: '100 g bag', text: 'Green tea scented five nights with fresh blossoms from Heng County. Light, for the afternoon.' },
    'zh-CN': { name: '茉莉花茶', unit: '100 克袋装', text: '横县鲜花五窨，花香清而不腻，适合午后。' },
  },
  {
    id: 'keemun',
    price: 136,
    en: { name: 'Keemun black', unit: '100 g tin', text: 'Fine black leaves with rose and cocoa. Takes milk well, needs none.' },
    'zh-CN': { name: '祁门红茶', unit: '100 克罐装', text: '条索细紧，带玫瑰与可可香。加奶也好，清饮更佳。' },
  },
  {
    id: 'teapot',
    price: 420,
    en: { name: 'Yixing teapot', unit: '160 ml', text: 'Thrown from purple clay by one potter. Keep it for one kind of tea; it remembers.' },
    'zh-CN': { name: '宜兴紫砂壶', unit: '160 毫升', text: '一位师傅手工拉坯。一壶侍一茶，越养越润。' },
  },
];
