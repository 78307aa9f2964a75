package wechat

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// push wraps fields as WeChat does.
func push(fields string) []byte {
	return []byte("<xml><ToUserName><![CDATA[gh_1]]></ToUserName>\n<FromUserName><![CDATA[oMing]]></FromUserName>\n<CreateTime>1714112445</CreateTime>\n" + fields + "</xml>")
}

func parsed(t *testing.T, fields string) *Push {
	t.Helper()
	p, err := ParsePush(push(fields))
	if err != nil {
		t.Fatalf("%s: %v", fields, err)
	}
	return p
}

func TestMessages(t *testing.T) {
	p := parsed(t, `<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[你好 <b>&amp;]]></Content><MsgId>23456789012345678</MsgId><bizmsgmenuid>a7</bizmsgmenuid>`)
	if p.To != "gh_1" || p.From != "oMing" || !p.At.Equal(time.Unix(1714112445, 0)) || p.Type != TypeText || p.Content != "你好 <b>&amp;" || p.MsgID != "23456789012345678" || p.MenuItem != "a7" {
		t.Errorf("%+v", p)
	}
	p = parsed(t, `<MsgType>image</MsgType><PicUrl><![CDATA[http://mmbiz.qpic.cn/1]]></PicUrl><MediaId><![CDATA[m1]]></MediaId><MsgId>1</MsgId>`)
	if *p.Media != (Media{ID: "m1", URL: "http://mmbiz.qpic.cn/1"}) {
		t.Errorf("%+v", p.Media)
	}
	p = parsed(t, `<MsgType>voice</MsgType><Format>amr</Format><MediaId>m2</MediaId><MediaId16K>m3</MediaId16K><MsgId>1</MsgId>`)
	if *p.Media != (Media{ID: "m2", Format: "amr"}) || p.Root.Get("MediaId16K") != "m3" {
		t.Errorf("%+v", p.Media)
	}
	for _, kind := range []string{TypeVideo, TypeShortVideo} {
		p = parsed(t, `<MsgType>`+kind+`</MsgType><MediaId>m4</MediaId><ThumbMediaId>m5</ThumbMediaId><MsgId>1</MsgId>`)
		if *p.Media != (Media{ID: "m4", ThumbID: "m5"}) {
			t.Errorf("%s: %+v", kind, p.Media)
		}
	}
	p = parsed(t, `<MsgType>location</MsgType><Location_X>23.134521</Location_X><Location_Y>113.358803</Location_Y><Scale>20</Scale><Label><![CDATA[广州市]]></Label><MsgId>1</MsgId>`)
	if *p.Place != (Place{Lat: "23.134521", Lon: "113.358803", Label: "广州市"}) {
		t.Errorf("%+v", p.Place)
	}
	p = parsed(t, `<MsgType>link</MsgType><Title>T</Title><Description>D</Description><Url>https://a.example/</Url><MsgId>1</MsgId>`)
	if *p.Link != (Link{Title: "T", Description: "D", URL: "https://a.example/"}) {
		t.Errorf("%+v", p.Link)
	}
}

func TestEvents(t *testing.T) {
	for _, v := range []struct{ fields, event, key, scene string }{
		{`<Event>subscribe</Event><EventKey></EventKey>`, EventSubscribe, "", ""},
		{`<Event>subscribe</Event><EventKey>qrscene_123</EventKey><Ticket>T</Ticket>`, EventSubscribe, "qrscene_123", "123"},
		{`<Event>unsubscribe</Event>`, EventUnsubscribe, "", ""},
		{`<Event>SCAN</Event><EventKey>bind-7</EventKey><Ticket>T</Ticket>`, EventScan, "bind-7", "bind-7"},
		{`<Event>CLICK</Event><EventKey>HELP</EventKey>`, EventClick, "HELP", ""},
		{`<Event>VIEW</Event><EventKey>https://shop.example/</EventKey><MenuId>9</MenuId>`, EventView, "https://shop.example/", ""},
		{`<Event>something_new</Event><Odd><List><A>1</A></List><List><A>2</A></List></Odd>`, "something_new", "", ""},
	} {
		p := parsed(t, "<MsgType>event</MsgType>"+v.fields)
		if p.Type != TypeEvent || p.Event != v.event || p.Key != v.key || p.Scene() != v.scene {
			t.Errorf("%s: %+v", v.fields, p)
		}
	}
	p := parsed(t, `<MsgType>event</MsgType><Event>something_new</Event><Odd><List><A>1</A></List><List><A>2</A></List></Odd>`)
	if lists := p.Root.Child("Odd").Children; len(lists) != 2 || lists[1].Get("A") != "2" {
		t.Errorf("what is not known is kept: %+v", lists)
	}
	p = parsed(t, `<MsgType>event</MsgType><Event>LOCATION</Event><Latitude>23.1</Latitude><Longitude>113.3</Longitude><Precision>119.3</Precision>`)
	if *p.Place != (Place{Lat: "23.1", Lon: "113.3"}) {
		t.Errorf("%+v", p.Place)
	}
	p = parsed(t, `<MsgType>event</MsgType><Event>location_select</Event><SendLocationInfo><Location_X>23</Location_X><Location_Y>113</Location_Y><Label>L</Label></SendLocationInfo>`)
	if *p.Place != (Place{Lat: "23", Lon: "113", Label: "L"}) {
		t.Errorf("%+v", p.Place)
	}
	p = parsed(t, `<MsgType>event</MsgType><Event>user_authorization_revoke</Event><OpenID>oOther</OpenID><RevokeInfo>205</RevokeInfo>`)
	if p.From != "oOther" {
		t.Errorf("the person is %s", p.From)
	}
	p = parsed(t, `<MsgType>event</MsgType><Event>TEMPLATESENDJOBFINISH</Event><MsgID>77</MsgID><Status>failed:user block</Status>`)
	if p.MsgID != "77" || p.Root.Get("Status") != "failed:user block" {
		t.Errorf("%+v", p)
	}
}

func TestDedupeKeys(t *testing.T) {
	text := func(id, content string) string {
		return fmt.Sprintf("<MsgType>text</MsgType><Content>%s</Content><MsgId>%s</MsgId>", content, id)
	}
	event := func(name, key string) string {
		return fmt.Sprintf("<MsgType>event</MsgType><Event>%s</Event><EventKey>%s</EventKey>", name, key)
	}
	different := []string{
		text("1", "a"), text("2", "a"), text("", "a"), text("", "b"), text("not a number", "a"),
		event("CLICK", "A"), event("CLICK", "B"), event("VIEW", "A"), event("CLICK", strings.Repeat("k", 5000)),
		"<MsgType>event</MsgType><Event>CLICK</Event><EventKey>A</EventKey><MsgID>1</MsgID>",
	}
	seen := map[string]string{}
	for _, fields := range different {
		key := parsed(t, fields).DedupeKey()
		if other, ok := seen[key]; ok {
			t.Errorf("%s and %s have the key %s", fields, other, key)
		}
		if seen[key] = fields; len(key) > 120 {
			t.Errorf("%s: the key has %d bytes", fields, len(key))
		}
		if again := parsed(t, fields+"<Extra>1</Extra>").DedupeKey(); again != key {
			t.Errorf("%s: delivered again it is %s", fields, again)
		}
	}
	a := parsed(t, text("1", "a")).DedupeKey()
	p, err := ParsePush([]byte(strings.Replace(string(push(text("1", "a"))), "oMing", "oLin", 1)))
	if err != nil || p.DedupeKey() == a {
		t.Errorf("two people share %s, %v", a, err)
	}
}

func TestHostileXML(t *testing.T) {
	deep := strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40)
	for name, raw := range map[string]string{
		"nothing": "", "no xml": "{}", "only text": "hello", "cut off": "<xml><ToUserName>", "other root": "<html></html>",
		"two roots": "<xml></xml><xml></xml>", "text behind": string(push("<MsgType>text</MsgType>")) + "x",
		"crossed": "<xml><a><b></a></b></xml>", "unknown entity": string(push("<MsgType>&lol;</MsgType>")),
		"entity bomb":     `<!DOCTYPE xml [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>` + string(push("<MsgType>&b;</MsgType>")),
		"outer file":      `<!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + string(push("<MsgType>&x;</MsgType>")),
		"instruction":     `<?xml-stylesheet href="http://evil.example/"?>` + string(push("<MsgType>text</MsgType>")),
		"foreign charset": `<?xml version="1.0" encoding="utf-7"?>` + string(push("<MsgType>text</MsgType>")),
		"too deep":        string(push("<MsgType>text</MsgType>" + deep)),
		"too many":        string(push("<MsgType>text</MsgType>" + strings.Repeat("<a/>", maxElements))),
		"too large":       string(push("<MsgType>text</MsgType><Content>" + strings.Repeat("x", MaxPush) + "</Content>")),
		"nobody":          "<xml><MsgType>text</MsgType></xml>",
		"no type":         string(push("")),
	} {
		if p, err := ParsePush([]byte(raw)); err == nil {
			t.Errorf("%s: accepted as %+v", name, p)
		}
	}
	if _, err := ParsePush([]byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a -->" + string(push("<MsgType>text</MsgType>")) + "\n")); err != nil {
		t.Errorf("a declaration and a comment are refused: %v", err)
	}
	p := parsed(t, "<MsgType>text</MsgType><Content>a\x00\x1bb\xffc\uFFFEd</Content>")
	if p.Content != "ab\uFFFDcd" {
		t.Errorf("what XML forbids leaves %q", p.Content)
	}
	p.At = seconds("99999999999999999999")
	if !p.At.IsZero() || !seconds("-5").IsZero() || !seconds("soon").IsZero() {
		t.Error("what is no time is taken for one")
	}
}

// A push is read before anybody knows whose it is: what it takes grows with it, and
// no faster.
func TestPushesThatGrow(t *testing.T) {
	for name, raw := range map[string][]byte{
		"comments": push("<MsgType>text</MsgType><Content>" + strings.Repeat("a<!---->", 20_000) + "</Content>"),
		"sections": push("<MsgType>text</MsgType><Content>" + strings.Repeat("<![CDATA[a]]>", 20_000) + "</Content>"),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := ParsePush(raw)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; err != nil || len(p.Content) != 20_000 || used > 16<<20 {
			t.Errorf("%s: %d KB take %d KB, %v", name, len(raw)>>10, used>>10, err)
		}
	}
}

func TestEnvelope(t *testing.T) {
	e, err := parseEnvelope([]byte("<xml><ToUserName>gh_1</ToUserName><Encrypt><![CDATA[\n" + pagePush + "\n]]></Encrypt></xml>"))
	if err != nil || e.to != "gh_1" || e.encrypted != pagePush {
		t.Errorf("%+v %v", e, err)
	}
	if _, err := parseEnvelope(push("<MsgType>text</MsgType>")); err == nil {
		t.Error("a plain push is taken for an encrypted one")
	}
}

func FuzzParsePush(f *testing.F) {
	f.Add(push("<MsgType>text</MsgType><Content>你好</Content><MsgId>1</MsgId>"))
	f.Add(push("<MsgType>event</MsgType><Event>location_select</Event><SendLocationInfo><Location_X>1</Location_X></SendLocationInfo>"))
	f.Add([]byte("<xml><Encrypt>x</Encrypt></xml>"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _ = parseEnvelope(raw)
		p, err := ParsePush(raw)
		if err != nil {
			return
		}
		if p.From == "" || p.Type == "" || p.DedupeKey() == "" {
			t.Errorf("accepted: %+v", p)
		}
		again, err := ParsePush(raw)
		if err != nil || again.DedupeKey() != p.DedupeKey() {
			t.Errorf("read again: %v", err)
		}
	})
}
