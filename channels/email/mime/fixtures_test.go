package mime_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime/quotedprintable"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// fixture is one mail as a stranger's program would send it.
type fixture struct {
	name string
	raw  string
}

const (
	// pixel is a picture of one pixel.
	pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
	ming  = "From: Ming <ming@example.com>\n"
	tail  = "To: Lin's Tea <help@tea.example>\nDate: Fri, 20 Nov 2026 10:00:00 +0800\n"
)

var lastID int

// mail puts a header before a body; head may replace the sender.
func mail(head, body string) string {
	lastID++
	if !strings.HasPrefix(head, "From:") && !strings.Contains(head, "\nFrom:") {
		head = ming + head
	}
	if !strings.Contains(head, "Message-ID:") {
		head += fmt.Sprintf("Message-ID: <m%d@example.com>\n", lastID)
	}
	return crlf(head + tail + "MIME-Version: 1.0\n" + body)
}

func crlf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

func plain(subject, text string) string {
	return mail("Subject: "+subject+"\n", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"+text)
}

func htmlMail(subject, text string) string {
	return mail("Subject: "+subject+"\n", "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"+text)
}

func b64(s string) string {
	e := base64.StdEncoding.EncodeToString([]byte(s))
	var out strings.Builder
	for len(e) > 76 {
		out.WriteString(e[:76] + "\n")
		e = e[76:]
	}
	return out.String() + e + "\n"
}

func qp(s string) string {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

func in(e encoding.Encoding, s string) string {
	out, err := e.NewEncoder().String(s)
	if err != nil {
		panic(err)
	}
	return out
}

// set is a mail in one character set, subject included.
func set(name string, e encoding.Encoding, subject, text string) string {
	coded := func(s string) string {
		return "=?" + name + "?B?" + base64.StdEncoding.EncodeToString([]byte(in(e, s))) + "?="
	}
	return mail("From: "+coded("明")+" <ming@example.com>\nSubject: "+coded(subject)+"\n",
		"Content-Type: text/plain; charset=\""+name+"\"\nContent-Transfer-Encoding: base64\n\n"+b64(in(e, text)))
}

func parts(kind string, all ...string) string {
	b := "=_" + strings.ReplaceAll(kind, "/", "_")
	if i := strings.IndexAny(b, ";"); i > 0 {
		b = b[:i]
	}
	out := "Content-Type: " + kind + "; boundary=\"" + b + "\"\n\n"
	for _, p := range all {
		out += "--" + b + "\n" + p + "\n"
	}
	return out + "--" + b + "--\n"
}

const (
	textPart = "Content-Type: text/plain; charset=utf-8\n\n"
	htmlPart = "Content-Type: text/html; charset=utf-8\n\n"
)

func file(head, data string) string {
	return head + "Content-Transfer-Encoding: base64\n\n" + b64(data)
}

func fixtures() []fixture {
	lastID = 0
	var all []fixture
	for _, group := range [][]fixture{charsetMails(), structureMails(), quoteMails(), machineMails(), hostileMails(), mislabelledMails(), passedOnMails(), toldMails(), markedMails()} {
		all = append(all, group...)
	}
	return all
}

func charsetMails() []fixture {
	hello := "您好，\n\n我想买二两龙井，什么时候能送到？\n\n明"
	return []fixture{
		{"plain-en", plain("Where is my order?", "Hello,\n\nmy order 1042 has not come yet.\n\nMing\n")},
		{"plain-zh", plain("=?UTF-8?B?"+strings.TrimSpace(b64("我的订单在哪里？"))+"?=", hello+"\n")},
		{"utf8-bom", plain("BOM", "\xef\xbb\xbf你好\n")},
		{"gb2312", set("gb2312", simplifiedchinese.GBK, "订单", hello)},
		{"gb2312-holding-gb18030", set("gb2312", simplifiedchinese.GB18030, "朱镕基与喆", "名字：喆，镕，𠀀")},
		{"gbk", set("GBK", simplifiedchinese.GBK, "退货", hello)},
		{"gb18030", set("gb18030", simplifiedchinese.GB18030, "发票", hello+"€𠮷")},
		{"hz-gb-2312", set("hz-gb-2312", simplifiedchinese.HZGB2312, "你好", "你好")},
		{"big5", set("big5", traditionalchinese.Big5, "訂單", "您好，請問什麼時候出貨？")},
		{"iso-2022-jp", set("iso-2022-jp", japanese.ISO2022JP, "注文", "お茶はいつ届きますか。")},
		{"shift-jis", set("Shift_JIS", japanese.ShiftJIS, "注文", "こんにちは")},
		{"euc-kr", set("ks_c_5601-1987", korean.EUCKR, "주문", "안녕하세요")},
		{"latin1-qp", mail("Subject: =?iso-8859-1?Q?Caf=E9_cr=E8me?=\n", "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nLe th=E9 est arriv=E9, =\nmerci.\n")},
		{"windows-1252", mail("Subject: Price\n", "Content-Type: text/plain; charset=windows-1252\nContent-Transfer-Encoding: 8bit\n\nIt cost \x8045 \x96 \x93really\x94?\n")},
		{"raw-gbk-header-and-body", mail("From: "+in(simplifiedchinese.GBK, "明")+" <ming@example.com>\nSubject: "+in(simplifiedchinese.GBK, "没有编码的主题")+"\n", "\n"+in(simplifiedchinese.GBK, "没有声明字符集的正文")+"\n")},
		{"declared-ascii-is-utf8", mail("Subject: mislabelled\n", "Content-Type: text/plain; charset=us-ascii\n\n其实是 UTF-8\n")},
		{"declared-utf8-is-gbk", mail("Subject: mislabelled\n", "Content-Type: text/plain; charset=utf-8\n\n"+in(simplifiedchinese.GBK, "其实是国标码")+"\n")},
		{"charset-unknown", mail("Subject: =?x-martian?B?"+strings.TrimSpace(b64("你好"))+"?=\n", "Content-Type: text/plain; charset=x-martian\n\n火星文\n")},
		{"subject-cut-inside-character", splitSubject()},
		{"subject-words-of-two-charsets", mail("Subject: =?gbk?B?"+strings.TrimSpace(b64(in(simplifiedchinese.GBK, "回复")))+"?=\n =?utf-8?Q?=EF=BC=9Aorder?= 1042 =?utf-8?q?=E2=9C=93_done?=\n", "\nok\n")},
		{"subject-word-broken", mail("Subject: =?utf-8?B?5L2g5aW9?= =?utf-8?B?%%%?= =?utf-8?Q?=ZZ?= tail\n", "\nok\n")},
		{"format-flowed", mail("Subject: flowed\n", "Content-Type: text/plain; charset=utf-8; format=flowed\n\nThis is one long \nparagraph that was \nwrapped.\n\nAnother one.\n-- \nMing\n")},
		{"format-flowed-delsp-zh", mail("Subject: flowed\n", "Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\n\n这一行很长， \n被折成了两行。\n")},
	}
}

// splitSubject cuts encoded words in the middle of a character.
func splitSubject() string {
	b := []byte(in(simplifiedchinese.GBK, "关于昨天订单的几个问题"))
	word := func(b []byte) string { return "=?gb2312?B?" + base64.StdEncoding.EncodeToString(b) + "?=" }
	return mail("Subject: "+word(b[:9])+"\n "+word(b[9:])+"\n", "\n见主题\n")
}

func structureMails() []fixture {
	picture := "Content-Type: image/png; name=\"leaf.png\"\nContent-ID: <leaf@tea>\nContent-Disposition: inline; filename=\"leaf.png\"\nContent-Transfer-Encoding: base64\n\n" + pixel + "\n"
	alternative := parts("multipart/alternative", textPart+"Plain *text*.\n", htmlPart+"<p>Rich <b>text</b>.</p>\n")
	return []fixture{
		{"alternative", mail("Subject: both\n", alternative)},
		{"only-html", htmlMail("html", "<html><head><title>x</title><style>p{color:red}</style></head><body><p>第一段</p><p>Second&nbsp;<i>line</i><br>third</p><ul><li>one</li><li><p>two</p></li></ul><table><tr><td>a</td><td>b</td></tr></table></body></html>")},
		{"inline-picture", mail("Subject: =?utf-8?B?"+strings.TrimSpace(b64("图片"))+"?=\n", parts("multipart/related", htmlPart+"<p>See <img src=\"cid:leaf@tea\" alt=\"leaf\"></p>", picture))},
		{"inline-picture-not-referred", mail("Subject: stray\n", parts("multipart/related", htmlPart+"<p>no picture here</p>", picture))},
		{"remote-pictures", htmlMail("remote", `<p>hi<img src="https://tracker.example/p.gif?id=1" width="1" height="1"><img src="//cdn.example/a.png" srcset="https://cdn.example/b.png 2x" onerror="x()"><img src="http://a.example/with space.png"></p><div style="background-image:url(https://tracker.example/bg.png);color:#333">x</div>`)},
		{"attachment", mail("Subject: invoice\n", parts("multipart/mixed", textPart+"Attached.\n", file("Content-Type: application/pdf; name=\"invoice.pdf\"\nContent-Disposition: attachment; filename=\"invoice.pdf\"\n", "%PDF-1.4 not really")))},
		{"attachment-rfc2231-zh", mail("Subject: x\n", parts("multipart/mixed", textPart+"见附件\n", file("Content-Type: application/pdf\nContent-Disposition: attachment; filename*=UTF-8''%E6%8A%A5%E4%BB%B7%E5%8D%95.pdf\n", "%PDF")))},
		{"attachment-rfc2047-gbk", mail("Subject: x\n", parts("multipart/mixed", textPart+"见附件\n", file("Content-Type: application/octet-stream; name=\"=?gbk?B?"+strings.TrimSpace(b64(in(simplifiedchinese.GBK, "合同.docx")))+"?=\"\nContent-Disposition: attachment\n", "PK")))},
		{"attachment-raw-gbk-name", mail("Subject: x\n", parts("multipart/mixed", textPart+"见附件\n", file("Content-Type: application/octet-stream\nContent-Disposition: attachment; filename="+in(simplifiedchinese.GBK, "报 价.xls")+"\n", "x")))},
		{"attachment-hostile-names", mail("Subject: x\n", parts("multipart/mixed", textPart+"files\n",
			file("Content-Disposition: attachment; filename=\"../../etc/passwd\"\n", "1"), file("Content-Disposition: attachment; filename=\"C:\\\\Windows\\\\win.ini\"\n", "2"),
			file("Content-Disposition: attachment; filename*=UTF-8''cod%E2%80%AEgpj.exe\n", "3"), file("Content-Disposition: attachment; filename=\"..\"\n", "4"),
			file("Content-Disposition: attachment; filename=\""+strings.Repeat("long", 60)+".pdf\"\n", "5"), file("Content-Disposition: attachment; filename=\"a<b>|c?.txt\"\n", "6")))},
		{"apple-mixed", mail("Subject: =?utf-8?Q?three_parts?=\n", parts("multipart/mixed", textPart+"Before the picture.\n", picture, textPart+"After the picture.\n"))},
		{"html-and-text-mixed", mail("Subject: mixed\n", parts("multipart/mixed", htmlPart+"<p>Rich</p>", textPart+"-- \nlist footer <b>not html</b>\n"))},
		{"calendar", mail("Subject: Tasting\n", parts("multipart/alternative", textPart+"Tea tasting on Monday.\n", "Content-Type: text/calendar; method=REQUEST; charset=utf-8\n\nBEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nSUMMARY:品茶\nEND:VEVENT\nEND:VCALENDAR\n"))},
		{"forward-attached", mail("Subject: Fwd: offer\n", parts("multipart/mixed", textPart+"Is this from you?\n", "Content-Type: message/rfc822\n\nFrom: Shop <shop@other.example>\nSubject: =?utf-8?B?"+strings.TrimSpace(b64("特价"))+"?=\nMessage-ID: <offer@other.example>\n\nBuy now\n"))},
		{"forward-inline-gmail", plain("Fwd: offer", "Is this true?\n\n---------- Forwarded message ---------\nFrom: Shop <shop@other.example>\nDate: Thu, 19 Nov 2026 at 09:00\nSubject: offer\nTo: <ming@example.com>\n\nTea for free.\n")},
		{"forward-inline-zh", plain("=?utf-8?B?"+strings.TrimSpace(b64("转发：特价"))+"?=", "-------- 转发邮件信息 --------\n发件人：\"商店\" <shop@other.example>\n发送日期：2026-11-19 09:00:00\n收件人：ming@example.com\n主题：特价\n\n免费送茶\n")},
		{"nothing-but-a-forwarded-quote", plain("Fw: x", "From: Shop <shop@other.example>\nSent: Thursday\nTo: Ming\nSubject: offer\n\nTea for free.\n")},
		{"empty", mail("Subject: \n", "\n")},
		{"empty-with-subject", mail("Subject: call me\n", "\n\n\n")},
		{"picture-only", mail("Subject: x\n", "Content-Type: image/png\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=photo.png\n\n"+pixel+"\n")},
		{"winmail", mail("Subject: from Outlook\n", parts("multipart/mixed", textPart+"See attached.\n", file("Content-Type: application/ms-tnef; name=\"winmail.dat\"\nContent-Disposition: attachment; filename=\"winmail.dat\"\n", "\x78\x9f\x3e\x22\x01\x00")))},
		{"signed-smime", mail("Subject: signed\n", parts("multipart/signed; protocol=\"application/pkcs7-signature\"", textPart+"Signed text.\n", file("Content-Type: application/pkcs7-signature; name=smime.p7s\nContent-Disposition: attachment; filename=smime.p7s\n", "\x30\x80")))},
		{"encrypted-pgp", mail("Subject: ...\n", parts("multipart/encrypted; protocol=\"application/pgp-encrypted\"", "Content-Type: application/pgp-encrypted\n\nVersion: 1\n", "Content-Type: application/octet-stream; name=\"encrypted.asc\"\n\n-----BEGIN PGP MESSAGE-----\n"))},
		{"many-recipients", mail("From: \"Ming, the tea lover\" <ming@example.com>\nReply-To: Ming at work <ming@work.example>\nCc: a@x.example, =?utf-8?B?"+strings.TrimSpace(b64("小李"))+"?= <li@x.example>, \"B, C\" <bc@x.example>\nSubject: cc\n", "\nhi\n")},
		{"thread", mail("Subject: Re: order\nIn-Reply-To: <fw.7@tea.example>\nReferences: <first@example.com>\n <fw.5@tea.example> <fw.7@tea.example>\n", "\nThanks\n")},
		{"thread-odd-ids", mail("Subject: Re: order\nIn-Reply-To: Your message of Friday <fw.7@tea.example> \"x\"\nReferences: <a@b>junk<c@d>,<e@f> < g@h >\n", "\nThanks\n")},
	}
}

func quoteMails() []fixture {
	const answer = "Yes, please send it.\n\n"
	const da = "好的，请发货。\n\n"
	return []fixture{
		{"quote-gmail-en", plain("Re: order", answer+"On Fri, Nov 20, 2026 at 9:58 AM Lin's Tea <help@tea.example>\nwrote:\n\n> Shall we send it?\n> Lin\n")},
		{"quote-gmail-zh", plain("Re: order", da+"Lin's Tea <help@tea.example> 于2026年11月20日周五 09:58写道：\n\n> 现在发货吗？\n> 林\n")},
		{"quote-gmail-html", htmlMail("Re: order", `<div dir="ltr">Yes, please.</div><br><div class="gmail_quote"><div class="gmail_attr">On Fri, Nov 20, 2026 at 9:58 AM Lin &lt;<a href="mailto:help@tea.example">help@tea.example</a>&gt; wrote:<br></div><blockquote class="gmail_quote" style="margin:0 0 0 .8ex"><div>Shall we send it?</div></blockquote></div>`)},
		{"quote-outlook-en", plain("RE: order", answer+"Kind regards,\nMing\n\n________________________________\nFrom: Lin's Tea <help@tea.example>\nSent: Friday, November 20, 2026 9:58 AM\nTo: Ming <ming@example.com>\nSubject: order\n\nShall we send it?\n")},
		{"quote-outlook-zh", plain("=?utf-8?B?"+strings.TrimSpace(b64("答复: 订单"))+"?=", da+"发件人: Lin's Tea <help@tea.example>\n发送时间: 2026年11月20日 9:58\n收件人: Ming <ming@example.com>\n主题: 订单\n\n现在发货吗？\n")},
		{"quote-outlook-classic", plain("RE: order", answer+"-----Original Message-----\nFrom: Lin\nTo: Ming\n\nShall we send it?\n")},
		{"quote-outlook-html", htmlMail("RE: order", `<div>Yes.</div><div id="appendonsend"></div><hr><div id="divRplyFwdMsg" dir="ltr"><b>From:</b> Lin<br><b>Sent:</b> Friday<br><b>To:</b> Ming<br><b>Subject:</b> order</div><div>Shall we send it?</div>`)},
		{"quote-apple-en", plain("Re: order", answer+"Sent from my iPhone\n\n> On 20 Nov 2026, at 09:58, Lin's Tea <help@tea.example> wrote:\n> \n> Shall we send it?\n")},
		{"quote-apple-zh", plain("Re: order", da+"发自我的iPhone\n\n> 在 2026年11月20日，09:58，Lin's Tea <help@tea.example> 写道：\n> \n> 现在发货吗？\n")},
		{"quote-foxmail", plain("Re: order", da+"\n\n明\n \n发件人： Lin's Tea\n发送时间： 2026-11-20 09:58\n收件人： ming\n抄送： boss\n主题： 订单\n现在发货吗？\n")},
		{"quote-qq", plain("=?utf-8?B?"+strings.TrimSpace(b64("回复：订单"))+"?=", da+"\n\n------------------ 原始邮件 ------------------\n发件人: \"Lin's Tea\" <help@tea.example>;\n发送时间: 2026年11月20日(星期五) 上午9:58\n收件人: \"明\"<ming@qq.example>;\n主题: 订单\n\n现在发货吗？\n")},
		{"quote-qq-html", htmlMail("Re: order", `<div>好的，请发货。</div><div><br></div><div style="font-size:12px">------------------&nbsp;原始邮件&nbsp;------------------</div><div style="background:#efefef"><div><b>发件人:</b>&nbsp;"Lin" &lt;help@tea.example&gt;;</div><div><b>主题:</b>&nbsp;订单</div></div><div>现在发货吗？</div>`)},
		{"quote-qq-english", plain("Re: order", answer+"------------------ Original ------------------\nFrom: Lin\nDate: Fri\nTo: Ming\n\nShall we send it?\n")},
		{"quote-netease", plain("Re: order", da+"\n\n在 2026-11-20 09:58:00，\"Lin's Tea\" <help@tea.example> 写道：\n现在发货吗？\n林\n")},
		{"quote-netease-at", plain("Re: order", da+"At 2026-11-20 09:58:00, \"Lin's Tea\" <help@tea.example> wrote:\n>现在发货吗？\n")},
		{"quote-netease-master", plain("Re: order", da+"| |\n明\n|\n签名由 网易邮箱大师 定制\n\n在2026年11月20日 09:58，Lin<help@tea.example> 写道：\n现在发货吗？\n")},
		{"quote-bottom-answer", plain("Re: order", "On 20 Nov 2026 Lin <help@tea.example> wrote:\n> Shall we send it?\n\nYes, please.\n")},
		{"quote-interleaved", plain("Re: order", "On 20 Nov 2026 Lin <help@tea.example> wrote:\n> Shall we send it?\n\nYes.\n\n> Which address?\n\nThe old one.\n")},
		{"quote-bare", plain("Re: order", "ok\n\n> Shall we send it?\n> Lin\n")},
		{"quote-without-date", plain("Re: order", answer+"On Friday, Lin wrote:\n\n> Shall we send it?\n")},
		{"quote-html-unusual", htmlMail("Re: order", `<p>Yes.</p><div class="yahoo_quoted">Am Freitag schrieb Lin:<br>Shall we send it?</div><p>-- <br>Ming</p>`)},
		{"quote-signature", plain("order", "Please send it.\n\n-- \nMing\nTea lover\n")},
		{"quote-nothing-but", plain("Re: order", "> Shall we send it?\n> Lin\n")},
		{"not-a-quote", plain("hello", "On Monday I wrote a letter.\nMy friend wrote: tea is good\n在此写道路名称\nFrom: the heart\n5 > 3\n")},
	}
}

func machineMails() []fixture {
	auto := func(head string) string { return mail(head, "\nI am away until Monday.\n") }
	bounce := parts("multipart/report; report-type=delivery-status", textPart+"Your mail could not be delivered.\n",
		"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; nobody@example.com\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n",
		"Content-Type: message/rfc822\n\nFrom: help@tea.example\nTo: nobody@example.com\nMessage-ID: <fw.9@tea.example>\nSubject: order\n\nHello\n")
	return []fixture{
		{"bounce-dsn", mail("Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example.com>\nAuto-Submitted: auto-replied\nSubject: Undelivered Mail Returned to Sender\n", bounce)},
		{"bounce-qq-zh", mail("Return-Path: <>\nFrom: \"PostMaster\" <PostMaster@qq.example>\nSubject: =?utf-8?B?"+strings.TrimSpace(b64("系统退信/Systems bounce"))+"?=\n", "Content-Type: text/plain; charset=utf-8\n\n抱歉，您的邮件被退回来了……\n")},
		{"bounce-failed-recipients", mail("From: mailer-daemon@mx.example.com\nX-Failed-Recipients: nobody@example.com\nSubject: Mail failed\n", parts("multipart/mixed", textPart+"no such user\n", "Content-Type: text/rfc822-headers\n\nMessage-ID: <fw.9@tea.example>\nSubject: order\n"))},
		{"bounce-delayed", mail("Return-Path: <>\nFrom: postmaster@mx.example.com\nSubject: Delivery delayed\n", strings.ReplaceAll(strings.ReplaceAll(bounce, "Action: failed", "Action: delayed"), "5.1.1", "4.4.1"))},
		{"auto-reply-rfc3834", auto("Auto-Submitted: auto-replied (vacation)\nSubject: Re: order\n")},
		{"auto-reply-exchange", auto("X-Auto-Response-Suppress: All\nAuto-Submitted: auto-generated\nSubject: Automatic reply: order\n")},
		{"auto-reply-qq", auto("Subject: =?gbk?B?" + strings.TrimSpace(b64(in(simplifiedchinese.GBK, "自动回复：订单"))) + "?=\n")},
		{"auto-reply-old-header", auto("X-Autoreply: yes\nPrecedence: bulk\nSubject: away\n")},
		{"auto-submitted-no", auto("Auto-Submitted: no\nSubject: not a machine\n")},
		{"newsletter", mail("From: News <news@shop.example>\nList-Unsubscribe: <https://shop.example/u>\nPrecedence: bulk\nSubject: Weekly\n", "\nDeals\n")},
		{"notification", mail("From: no-reply@bank.example\nSubject: Your code\n", "\n123456\n")},
		{"read-receipt", mail("Subject: Read: order\n", parts("multipart/report; report-type=disposition-notification", textPart+"Your message was read.\n", "Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; ming@example.com\nOriginal-Message-ID: <fw.9@tea.example>\nDisposition: manual-action/MDN-sent-manually; displayed\n"))},
		{"loop", mail("X-Loop: help@tea.example\nReceived: from a\nReceived: from b\nReceived: from c\nSubject: again\n", "\nround and round\n")},
		{"forged-sender", mail("From: \"help@tea.example\" <evil@attacker.example>\nSender: someone@else.example\nAuthentication-Results: mx; spf=fail\nSubject: urgent\n", "\nsend money\n")},
		{"two-from-headers", mail("From: a@x.example\nFrom: b@x.example\nSubject: who?\nSubject: second\n", "\nhi\n")},
	}
}

func hostileMails() []fixture {
	nested := textPart + "deep\n"
	for i := range 40 {
		nested = fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n%s\n--b%d--\n", i, i, nested, i)
	}
	var many []string
	for i := range 300 {
		many = append(many, fmt.Sprintf("Content-Type: text/plain\nContent-Disposition: attachment; filename=f%d.txt\n\n%d\n", i, i))
	}
	return []fixture{
		{"html-hostile", htmlMail("xss", `<script>alert(1)</script><p onclick="x()" style="position:fixed;top:0;background:url(http://e.example)">ok</p><a href="javascript:alert(1)">j</a><a href=" java&#10;script:alert(1)">k</a><a href="https://ok.example/?a=1&b=2" target="_top">l</a><iframe src="https://e.example"></iframe><form action="https://e.example"><input name="p"></form><svg onload="x()"><image href="https://e.example/x"/></svg><img src="javascript:x()"><img src="data:text/html;base64,PHNjcmlwdD4="><img src="data:image/svg+xml;base64,PHN2Zz4="><link rel="stylesheet" href="https://e.example/x.css"><meta http-equiv="refresh" content="0;url=https://e.example"><base href="https://e.example/"><object data="x"></object><math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>`)},
		{"html-relative-and-mailto", htmlMail("links", `<a href="/x">relative</a> <a href="mailto:a@b.example?subject=x">mail</a> <a href="tel:+8613800000000">call</a> <a href="file:///etc/passwd">file</a> <a href="data:text/html,x">data</a>`)},
		{"html-data-picture", htmlMail("data", `<p>see <img src="data:image/png;base64,`+pixel+`" alt="dot"></p>`)},
		{"html-hidden-text", htmlMail("preheader", `<div style="display:none">hidden preheader</div><p>Visible</p>`)},
		{"html-unclosed", htmlMail("unclosed", `<p>one<div>two<table><tr><td>three<b>four`)},
		{"html-very-deep", htmlMail("deep", strings.Repeat("<div>", 3000)+"bottom")},
		{"bad-base64", mail("Subject: broken\n", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"+strings.TrimSpace(b64("legible, then not"))+"\n!!!! not base64 !!!!\n")},
		{"bad-quoted-printable", mail("Subject: broken\n", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nfine =E4=BD=A0=\n\n and =ZZ not\n")},
		{"bad-encoding-name", mail("Subject: x\n", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: x-martian\n\nstill legible\n")},
		{"bad-content-type", mail("Subject: x\n", "Content-Type: text/plain; charset=utf-8; charset=gbk; name=a b c\n\n你好\n")},
		{"no-boundary", mail("Subject: x\n", "Content-Type: multipart/mixed\n\n--b\nContent-Type: text/plain\n\nhi\n--b--\n")},
		{"boundary-never-ends", strings.TrimSuffix(mail("Subject: x\n", parts("multipart/mixed", textPart+"begun\n", file("Content-Disposition: attachment; filename=cut.bin\n", strings.Repeat("x", 200)))), "--=_multipart_mixed--\r\n")},
		{"cut-in-base64", mail("Subject: x\n", "Content-Type: multipart/mixed; boundary=b\n\n--b\n"+textPart+"begun\n\n--b\nContent-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\niVBORw0KGgoAAAANSUhE")},
		{"bad-part-header", mail("Subject: x\n", "Content-Type: multipart/mixed; boundary=b\n\n--b\n"+textPart+"first\n--b\nthis is no header\n\nsecond\n--b--\n")},
		{"deep-nesting", mail("Subject: deep\n", nested)},
		{"many-parts", mail("Subject: many\n", parts("multipart/mixed", many...))},
		{"long-header-lines", mail("Subject: "+strings.Repeat("long ", 3000)+"\nX-Junk: "+strings.Repeat("j", 20000)+"\n", "\nok\n")},
		{"header-garbage", mail("Subject: x\nthis line is no header\n and goes on\n: no name\nX-\x01Bad: y\n", "\nok\n")},
		{"mbox-separator", "From ming@example.com Fri Nov 20 10:00:00 2026\r\n" + plain("mbox", "hi\n")},
		{"bare-line-feeds", strings.ReplaceAll(mail("Subject: unix\n", parts("multipart/alternative", textPart+"text\n", htmlPart+"<p>html</p>\n")), "\r\n", "\n")},
		{"nul-and-controls", plain("a\x00b", "bell\x07 nul\x00 esc\x1b[31m\n")},
		{"no-from", crlf("Subject: nobody\nMessage-ID: <n@example.com>\n\nhi\n")},
		{"broken-from", mail("From: Ming ming@example.com>\nTo: undisclosed-recipients:;\nSubject: x\n", "\nhi\n")},
		{"from-chinese-unquoted", mail("From: 明，茶客 <ming@example.com>\nSubject: x\n", "\nhi\n")},
		{"idn-address", mail("From: =?utf-8?B?"+strings.TrimSpace(b64("明"))+"?= <ming@XN--FIQS8S.example>\nSubject: x\n", "\nhi\n")},
		{"date-odd", strings.Replace(mail("Subject: x\n", "\nhi\n"), "Date: Fri, 20 Nov 2026 10:00:00 +0800", "Date: 2026-11-20 10:00:00 +0800 (CST)", 1)},
		{"date-nonsense", strings.Replace(mail("Subject: x\n", "\nhi\n"), "Date: Fri, 20 Nov 2026 10:00:00 +0800", "Date: yesterday", 1)},
		{"header-only", crlf("From: ming@example.com\nSubject: no body at all")},
		{"quoted-printable-zh", mail("Subject: =?utf-8?Q?=E4=BD=A0=E5=A5=BD?=\n", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: Quoted-Printable\n\n"+qp("订单号 1042，谢谢。")+"\n")},
	}
}
