package mime_test

import (
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// mislabelledMails are not what they say, or not all of it.
func mislabelledMails() []fixture {
	const order = "您好，\n\n我想买二两龙井，什么时候能送到？\n\n明"
	return []fixture{
		{"utf8-with-a-broken-character", mail("Subject: broken\n", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n您好，\xe4\xbd 我的订单还没有到。\n")},
		{"utf8-with-a-stray-byte-base64", mail("Subject: broken\n", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"+b64("您好\xff，什么时候发货？"))},
		{"utf8-with-a-stray-byte-html", mail("Subject: broken\n", "Content-Type: text/html; charset=utf-8\n\n<p>您好\xff，</p><p>什么时候发货？</p>\n")},
		{"utf8-with-a-stray-byte-unnamed", mail("Subject: \xe6\x82\xa8\xe5\xa5\xbd\xe4\xbd!\n", "\n您好\xe4\xbd，什么时候发货？\n")},
		{"utf8-western-with-a-stray-byte", mail("Subject: x\n", "Content-Type: text/plain; charset=utf-8\n\nDéjà vu \xff été\n")},
		{"declared-gb2312-is-utf8", mail("Subject: =?gb2312?B?"+strings.TrimSpace(b64("我的订单在哪里"))+"?=\n", "Content-Type: text/plain; charset=gb2312\nContent-Transfer-Encoding: base64\n\n"+b64(order))},
		{"declared-gbk-is-short-utf8", mail("Subject: =?gbk?B?"+strings.TrimSpace(b64("你好"))+"?=\n", "Content-Type: text/plain; charset=gbk\n\n我 ok\n")},
		{"declared-gb2312-is-utf8-with-a-stray-byte", mail("Subject: x\n", "Content-Type: text/plain; charset=gb2312\n\n您好\xff，我想买二两龙井，什么时候能送到？\n")},
		{"declared-big5-is-utf8", mail("Subject: x\n", "Content-Type: text/plain; charset=big5\n\n您好，請問什麼時候出貨？\n")},
		{"declared-latin1-is-utf8", mail("Subject: =?iso-8859-1?Q?Caf=C3=A9?=\n", "Content-Type: text/plain; charset=iso-8859-1\n\nLe thé est arrivé.\n")},
		{"gbk-that-might-be-utf8", mail("Subject: =?gbk?B?"+strings.TrimSpace(b64(in(simplifiedchinese.GBK, "茅台")))+"?=\n", "Content-Type: text/plain; charset=gbk\n\n"+in(simplifiedchinese.GBK, "茅台")+"\n")},
		{"latin1-of-windows", mail("From: =?iso-8859-1?Q?Se=E1n_O=92Neill?= <ming@example.com>\nSubject: =?iso-8859-1?Q?=8045_isn=92t_much?=\n", "Content-Type: text/plain; charset=iso-8859-1\n\nIt\x92s \x8045 \x96 \x93caf\xe9\x94\n")},
	}
}

// passedOnMails are people's, passed on by a form, a group or a ticket system,
// beside those of machines that look like them.
func passedOnMails() []fixture {
	return []fixture{
		{"contact-form", mail("From: WordPress <no-reply@tea.example>\nReply-To: ming@example.com\nSubject: Question\n", "\nDo you ship?\n")},
		{"notification-to-nobody", mail("From: no-reply@bank.example\nReply-To: do-not-reply@bank.example\nSubject: Your code\n", "\n123456\n")},
		{"group", mail("From: \"'Ming' via Support\" <support@group.example>\nReply-To: Ming <ming@example.com>\nPrecedence: list\nMailing-list: list support@group.example\nList-ID: <support.group.example>\nList-Post: <https://groups.example/post>, <mailto:Support@group.example>\nList-Unsubscribe: <mailto:googlegroups-manage+1+unsubscribe@group.example>\nSubject: Question\n", "\nDo you ship?\n")},
		{"list-id-only", mail("List-Id: <support.group.example>\nSubject: Question\n", "\nDo you ship?\n")},
		{"list-precedence-only", mail("Precedence: list\nSubject: Question\n", "\nDo you ship?\n")},
		{"announcement", mail("List-Id: <news.shop.example>\nList-Post: NO\nList-Unsubscribe: <mailto:leave@shop.example>\nSubject: Weekly\n", "\nDeals\n")},
		{"one-click-list", mail("List-Id: <news.shop.example>\nList-Post: <mailto:news@shop.example>\nList-Unsubscribe: <https://shop.example/u>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\nSubject: Weekly\n", "\nDeals\n")},
		{"bulk-with-reply-to", mail("From: no-reply@shop.example\nReply-To: help@shop.example\nPrecedence: bulk\nSubject: Weekly\n", "\nDeals\n")},
		{"suppress-alone", mail("X-Auto-Response-Suppress: All\nSubject: Question\n", "\nDo you ship?\n")},
		{"suppress-of-a-ticket", mail("X-Auto-Response-Suppress: All\nIn-Reply-To: <fw.9@tea.example>\nReferences: <fw.9@tea.example>\nSubject: Re: [#7] Question\n", "\nWe have looked at it.\n")},
	}
}

// toldMails are bounces that say what happened in words only.
func toldMails() []fixture {
	const returned = "Return-path: <help@tea.example>\nReceived: from tea.example by mx.example.com\nFrom: help@tea.example\nTo: nobody@example.com\nMessage-Id: <fw.9@tea.example>\nSubject: order 5.1.1\n\nHello\n"
	const exim = "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  nobody@example.com\n    host mx.example.com [192.0.2.1]\n    SMTP error from remote mail server after RCPT TO:<nobody@example.com>:\n    550 5.7.1 blocked\n\n------ This is a copy of the message, including all the headers. ------\n\n"
	return []fixture{
		{"bounce-exim", mail("Return-Path: <>\nFrom: Mail Delivery System <Mailer-Daemon@mx.example.com>\nX-Failed-Recipients: nobody@example.com\nAuto-Submitted: auto-replied\nSubject: Mail delivery failed: returning message to sender\n", "\n"+exim+returned)},
		{"bounce-exim-delay", mail("Return-Path: <>\nFrom: Mail Delivery System <Mailer-Daemon@mx.example.com>\nAuto-Submitted: auto-replied\nSubject: Warning: message 1abcde-000001-Aa delayed 24 hours\n", "\nA message that you sent has not yet been delivered to one or more of its recipients.\n\nMessage-ID: <fw.9@tea.example>\n")},
		{"bounce-qmail", mail("Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.com\nSubject: failure notice\n", "\nHi. This is the qmail-send program at mx.example.com.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<nobody@example.com>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\n"+returned)},
		{"bounce-exchange", mail("Return-Path: <>\nFrom: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.com>\nIn-Reply-To: <fw.9@tea.example>\nReferences: <fw.7@tea.example> <fw.9@tea.example>\nSubject: Undeliverable: Re: order\n", "Content-Type: text/html; charset=utf-8\n\n<p>Your message to nobody@example.com couldn't be delivered.</p><p>Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound'</p>\n")},
	}
}
