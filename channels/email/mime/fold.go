package mime

import (
	"regexp"
	"strings"
)

// Fold parts a mail's text into what its sender wrote now and what follows of
// earlier mails and signatures, as Gmail, Outlook, Apple Mail, Thunderbird,
// Foxmail, QQ Mail, NetEase Mail and their like mark it in English, Chinese,
// German, French and Japanese. Answers written between the lines of the quote, and forwards, are
// not folded: there the quote is the message. Nothing is lost: both parts
// together are the text.
func Fold(s string) (body, quoted string) {
	lines := strings.Split(s, "\n")
	at := quoteStart(lines)
	head, quote, tail := lines[:at.start], lines[at.start:at.end], lines[at.end:]
	if at.start < len(lines) && !hasText(head) && !hasText(tail) || at.forward {
		return strings.Trim(s, "\n"), ""
	}
	head, signature := signatureOf(head)
	var below []string
	if hasText(tail) {
		tail, below = signatureOf(tail)
	}
	body = block(head)
	if hasText(tail) {
		body = strings.Trim(body+"\n\n"+block(tail), "\n")
	}
	quoted = strings.Trim(strings.Join([]string{block(signature), block(quote), block(below)}, "\n\n"), "\n")
	if body == "" {
		return strings.Trim(s, "\n"), ""
	}
	return manyLines.ReplaceAllString(body, "\n\n"), manyLines.ReplaceAllString(quoted, "\n\n")
}

func block(lines []string) string {
	return strings.Trim(strings.Join(lines, "\n"), "\n \t\u00a0\u3000")
}

func hasText(lines []string) bool {
	for _, l := range lines {
		if strings.TrimSpace(l) != "" {
			return true
		}
	}
	return false
}

const maxMark = 600

// span is where the quote lies; start = number of lines where there is none.
type span struct {
	start, end int
	forward    bool
}

const (
	dash = `[-—_=*]`
	says = `(?:wrote|writes|写道|寫道|写到|寫到)\s*[:：]?`
)

var (
	// "-----Original Message-----", "------------------ 原始邮件 ------------------"
	separator = regexp.MustCompile(`(?i)^\s*` + dash + `{2,}\s*(original(\s+message)?|original e-?mail|原始邮件|原始信件|原邮件|原始郵件|邮件原件|回复的(原)?邮件|replied message|回复邮件|历史邮件|以下是原邮件)\s*` + dash + `{2,}\s*$`)
	forwarded = regexp.MustCompile(`(?i)^\s*(` + dash + `{2,}\s*(forwarded (message|mail|e-?mail)|forward message|转发(的)?(邮件|消息|信息)|轉寄郵件|forwarding messages|转发邮件信息)[^\n]*|begin forwarded message[:：]|开始转发的邮件[:：]|以下是转发的邮件[:：])\s*$`)
	// "On Fri, 20 Nov 2026 at 10:00, Lin <lin@example.com> wrote:", "在 2026-11-20 10:00:00，Lin 写道："
	attribution = regexp.MustCompile(`(?i)^\s*(?:on\s|at\s|于|在|於).{3,300}` + says + `\s*$`)
	attributed  = regexp.MustCompile(`(?i)^.{3,300}(?:写道|寫道|wrote)\s*[:：]\s*$`)
	// "Am Fr., 20. Nov. 2026 um 09:58 Uhr schrieb Lin <lin@example.com>:", "Le ven. 20 nov. 2026 à 09:58, Lin a écrit :",
	// "2026/11/20 9:58、Lin <lin@example.com>のメール:", "2026年11月20日(金) 9:58 Lin <lin@example.com>:"
	elsewhere    = regexp.MustCompile(`(?i)^\s*(?:am\s.{3,200}\sschrieb(?:\s.{1,200})?|le\s.{3,300}\sa écrit|.{3,300}のメール|\d{4}[年/-].{3,200}<[^<>\s]+@[^<>\s]+>)\s*[:：]\s*$`)
	telling      = regexp.MustCompile(`\d.*\d|@`)
	fromField    = regexp.MustCompile(`(?i)^[\s>*]*(from|发件人|寄件者|发送人|發件人|寄件人)\**\s*[:：]\**\s*\S`)
	otherField   = regexp.MustCompile(`(?i)^[\s>*]*(sent|date|to|cc|subject|发送时间|发送日期|日期|时间|收件人|抄送|抄送人|主题|发送至|已发送|寄件日期|收件者|主旨|副本|發送時間|收件人|主題|回复给|send date)\**\s*[:：]`)
	subjectField = regexp.MustCompile(`(?i)^[\s>*]*(subject|主题|主旨|主題)\**\s*[:：]`)
	dateField    = regexp.MustCompile(`(?i)^[\s>*]*(sent|date|send date|发送时间|发送日期|日期|时间|已发送|寄件日期|發送時間)\**\s*[:：]`)
	ruler        = regexp.MustCompile(`^\s*[_-]{10,}\s*$|^\s*[-—]{3,}\s*$`)
)

// quoteStart finds the earliest mark of a quote.
func quoteStart(lines []string) span {
	none := span{start: len(lines), end: len(lines)}
	lines = spaced(lines)
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case isQuoted(line):
			s, found := bareQuote(lines, i)
			if found {
				return s
			}
			i = s.end - 1
		case len(line) > maxMark: // no mark is as long; keep the patterns off it
		case forwarded.MatchString(line):
			return span{start: len(lines), end: len(lines), forward: true}
		case separator.MatchString(line):
			return span{start: i, end: len(lines)}
		case isHeaderBlock(lines[i:]):
			return span{start: beforeRuler(lines, i), end: len(lines)}
		default:
			if n := attributionAt(lines[i:]); n > 0 {
				return quoteAfter(lines, i, i+n)
			}
		}
	}
	return none
}

// otherSpaces are spaces that programs write as such, or forget to.
var otherSpaces = strings.NewReplacer("&nbsp;", " ", "\u00a0", " ", "\u202f", " ", "\u3000", " ")

// spaced gives the lines with plain spaces, to be compared.
func spaced(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		if out[i] = line; len(line) <= maxMark { // no mark is longer
			out[i] = otherSpaces.Replace(line)
		}
	}
	return out
}

func isQuoted(line string) bool {
	line = strings.TrimLeft(line, " ")
	return strings.HasPrefix(line, ">") || strings.HasPrefix(line, "＞")
}

// attributionAt tells over how many lines an attribution reaches that begins
// here; programs wrap it. 0 = none.
func attributionAt(lines []string) int {
	joined := ""
	for n := 1; n <= 3 && n <= len(lines); n++ {
		line := strings.TrimSpace(lines[n-1])
		if line == "" || isQuoted(line) {
			return 0
		}
		joined = strings.TrimSpace(joined + " " + line)
		if len(joined) > maxMark {
			return 0
		}
		if elsewhere.MatchString(joined) && (telling.MatchString(joined) || quotesNext(lines[n:])) {
			return n
		}
		if (telling.MatchString(joined) || quotesNext(lines[n:])) && (attribution.MatchString(joined) || attributed.MatchString(joined)) && endsAttribution(line) {
			return n
		}
		// Only an opening word makes it worth looking at the next line.
		if n == 1 && !opensAttribution.MatchString(line) {
			return 0
		}
	}
	return 0
}

// quotesNext tells whether the next line with text is a quoted one.
func quotesNext(lines []string) bool {
	for _, l := range lines[:min(len(lines), 3)] {
		if strings.TrimSpace(l) != "" {
			return isQuoted(l)
		}
	}
	return false
}

var (
	opensAttribution = regexp.MustCompile(`(?i)^(on\s|at\s|am\s|le\s|于|在|於|\d{4}[-/年.]\d{1,2}[-/月.]\d{1,2})`)
	endOfAttribution = regexp.MustCompile(`(?i)(wrote|writes|写道|寫道|写到|寫到)\s*[:：]?$`)
)

func endsAttribution(line string) bool { return endOfAttribution.MatchString(line) }

// isHeaderBlock tells whether a copied header begins here: "From:" and at
// least two other fields within the next lines, with an address or at least a
// date and a subject. A journey has a "From:", a "To:" and a "Date:", too.
func isHeaderBlock(lines []string) bool {
	if !fromField.MatchString(lines[0]) {
		return false
	}
	others, dated, titled, addressed := 0, false, false, strings.Contains(lines[0], "@")
	for _, l := range lines[1:min(len(lines), 9)] {
		if otherField.MatchString(l) {
			others++
			dated, titled = dated || dateField.MatchString(l), titled || subjectField.MatchString(l)
			addressed = addressed || strings.Contains(l, "@")
		}
	}
	return others >= 2 && (addressed || dated && titled)
}

// beforeRuler takes a ruler above a header block with it.
func beforeRuler(lines []string, i int) int {
	for k := i - 1; k >= 0 && k >= i-3; k-- {
		if ruler.MatchString(lines[k]) {
			return k
		}
		if strings.TrimSpace(lines[k]) != "" {
			break
		}
	}
	return i
}

// quoteAfter is the quote that follows an attribution: the marked lines, or
// all the rest where the program marks none. Text below the marked lines is
// an answer; marked lines below that again are an interleaved answer.
func quoteAfter(lines []string, start, from int) span {
	i := from
	for i < len(lines) && strings.TrimSpace(lines[i]) == "" {
		i++
	}
	if i == len(lines) || !isQuoted(lines[i]) {
		return span{start: start, end: len(lines)}
	}
	return untilUnmarked(lines, start, i)
}

func untilUnmarked(lines []string, start, i int) span {
	end := i
	for ; i < len(lines); i++ {
		if isQuoted(lines[i]) {
			end = i + 1
		} else if strings.TrimSpace(lines[i]) != "" && !wrapped(lines, i) {
			break
		}
	}
	for _, l := range lines[end:] {
		if isQuoted(l) {
			return span{start: len(lines), end: len(lines)}
		}
	}
	return span{start: start, end: end}
}

// wrapped tells whether an unmarked line is the rest of a quoted one that a
// program broke: directly between two quoted lines.
func wrapped(lines []string, i int) bool {
	return i > 0 && i+1 < len(lines) && isQuoted(lines[i-1]) && isQuoted(lines[i+1]) && len(lines[i]) < 40
}

// bareQuote is a quote without attribution, from line i on: folded when it is
// the last thing in the mail or stands before the whole answer.
func bareQuote(lines []string, i int) (span, bool) {
	s := untilUnmarked(lines, i, i)
	if s.start == len(lines) {
		return s, true // interleaved: leave all of it
	}
	if hasText(lines[s.end:]) && hasText(lines[:i]) {
		return s, false
	}
	return s, true
}

var phoneSignature = regexp.MustCompile(`(?i)^\s*(sent from (my|yahoo|mail for|outlook)\b.{0,60}|get outlook for .{0,30}|发自我的\s?.{0,40}|发自.{0,20}(手机|iphone|ipad|邮箱|邮件客户端|mail)|从我的.{0,20}发送|从 ?(windows 版邮件|outlook|iphone).{0,20}发送|获取\s?outlook.{0,30}|下载 outlook.{0,30}|通过.{0,20}手机发送|本邮件由.{0,30}发送|签名由\s?网易邮箱大师\s?定制)\s*$`)

// signatureOf cuts a signature off the end: from the line "-- ", or what
// phones add by themselves.
func signatureOf(lines []string) (text, signature []string) {
	for i := len(lines) - 1; i >= 0 && i >= len(lines)-15; i-- {
		if lines[i] == "-- " || lines[i] == "--" && i < len(lines)-1 {
			return lines[:i], lines[i:]
		}
	}
	last := len(lines) - 1
	for last >= 0 && strings.TrimSpace(lines[last]) == "" {
		last--
	}
	if last >= 0 && len(lines[last]) <= maxMark && phoneSignature.MatchString(lines[last]) {
		return lines[:last], lines[last:]
	}
	return lines, nil
}
