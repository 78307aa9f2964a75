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

// markedMails mark what they quote, or seem to, in further ways.
func markedMails() []fixture {
	const da = "好的，请发货。\n\n"
	return []fixture{
		{"quote-qq-entities", plain("Re: x", da+"------------------&nbsp;原始邮件&nbsp;------------------\n发件人:&nbsp;\"Lin\"&nbsp;<help@tea.example>;\n发送时间:&nbsp;2026年11月20日(星期五) 上午9:58\n主题:&nbsp;订单\n\n现在发货吗？\n")},
		{"quote-foxmail-entities", plain("Re: x", da+"发件人：&nbsp;Lin <help@tea.example>\n发送时间：&nbsp;2026-11-20&nbsp;09:58\n收件人：&nbsp;ming\n主题：&nbsp;订单\n现在发货吗？\n")},
		{"quote-foxmail-spaces", plain("Re: x", da+"\u00a0\n发件人：\u00a0Lin\n发送时间\u00a0：\u00a02026-11-20 09:58\n收件人：\u00a0ming\n主题：\u00a0订单\n现在发货吗？\n")},
		{"quote-german", plain("Re: x", "Ja, bitte.\n\nAm Fr., 20. Nov. 2026 um 09:58 Uhr schrieb Lin's Tea <\nhelp@tea.example>:\n\n> Sollen wir?\n")},
		{"quote-german-thunderbird", plain("Re: x", "Ja, bitte.\n\nAm 20.11.26 um 09:58 schrieb Lin:\n> Sollen wir?\n")},
		{"quote-french", plain("Re: x", "Oui.\n\nLe ven. 20 nov. 2026 à 09:58, Lin's Tea <help@tea.example> a\nécrit\u00a0:\n\n> On envoie ?\n")},
		{"quote-japanese", plain("Re: x", "お願いします。\n\n2026年11月20日(金) 9:58 Lin's Tea <help@tea.example>:\n\n> 送りますか。\n")},
		{"quote-japanese-apple", plain("Re: x", "お願いします。\n\n2026/11/20 9:58、Lin's Tea <help@tea.example>のメール:\n\n> 送りますか。\n")},
		{"not-a-quote-journey", plain("x", "Hello, I booked a seat:\n\nFrom: Berlin\nTo: Paris\nDate: 5 May 2026\n\nCan I change it?\n")},
		{"not-a-quote-german", plain("x", "Am Montag schrieb ich Ihnen einen Brief.\nLe café est arrivé, a écrit mon ami.\nIch brauche bis 2026:\nTee\n")},
		{"utf-7", mail("Subject: =?utf-7?Q?+T2BZfQ-_1_+-_1?=\n", "Content-Type: text/plain; charset=utf-7\n\n+T2BZff8M-Tee f+APw-r 2 +- 1. +2DzfSw-\n")},
		{"utf-7-that-is-none", mail("Subject: x\n", "Content-Type: text/plain; charset=utf-7\n\nüber +T2BZfQ-\n")},
		{"attachment-rfc2231-gb18030", mail("Subject: x\n", parts("multipart/mixed", textPart+"见附件\n",
			file("Content-Type: application/pdf\nContent-Disposition: attachment; filename*=GB18030''%B1%A8%BC%DB%B5%A5.pdf\n", "%PDF"),
			file("Content-Type: application/pdf; name*0*=gb2312''%B1%A8; name*1*=%BC%DB%B5; name*2*=%A5.pdf\nContent-Disposition: attachment\n", "%PDF")))},
	}
}
