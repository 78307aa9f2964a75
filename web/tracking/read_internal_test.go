package tracking

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
)

var received = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, kind, body string) []customers.Call {
	t.Helper()
	env, err := openEnvelope([]byte(body), kind)
	if err != nil {
		t.Fatal(err)
	}
	env.received = received
	return env.calls()
}

func why(c customers.Call) string {
	var out []string
	for _, r := range c.Reasons {
		out = append(out, r.Field+":"+r.Code)
	}
	if c.Refused {
		out = append(out, "refused")
	}
	return strings.Join(out, " ")
}

func TestRead(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 9) + "1" + strings.Repeat("}", 9)
	for _, c := range []struct{ name, kind, body, want string }{
		{"track", "track", `{"userId":"u","event":" Order  Completed ","properties":{"total":12.50}}`, `track u//Order Completed {"total":12.50} `},
		{"numbers are ids, too", "track", `{"userId":12345678901234567890,"anonymousId":7,"event":"A"}`, `track 12345678901234567890/7/A null `},
		{"page", "page", `{"anonymousId":"a","name":"Home","category":"C","properties":{"url":"own"},"context":{"page":{"url":"u","title":"T","path":"","search":"?q"}}}`,
			`page /a/Page Viewed {"category":"C","name":"Home","search":"?q","title":"T","url":"own"} `},
		{"screen", "screen", `{"anonymousId":"a","name":"Main"}`, `screen /a/Screen Viewed {"name":"Main"} `},
		{"group", "group", `{"userId":"u","groupId":4,"traits":{"name":"Acme"}}`, `group u//Group Joined {"group_id":"4","traits":{"name":"Acme"}} `},
		{"group of nothing", "group", `{"userId":"u"}`, `group u//Group Joined {"group_id":""} groupId:required refused`},
		{"identify", "identify", `{"userId":"u","traits":{"a":1},"context":{"traits":{"a":2,"b":{"c":3}}}}`, `identify u// null  traits={"a":1,"b":{"c":3}}`},
		{"traits in the context only", "identify", `{"userId":"u","context":{"traits":{"a":2}}}`, `identify u// null  traits={"a":2}`},
		{"alias", "alias", `{"userId":"u","previousId":"p"}`, `alias u// null  from p`},
		{"alias of nobody", "alias", `{"anonymousId":"u","previousId":"p"}`, `alias /u/ null userId:call_nobody refused from p`},
		{"alias from nobody", "alias", `{"userId":"u"}`, `alias u// null previousId:required refused`},
		{"nobody", "track", `{"event":"A"}`, `track //A null userId:call_nobody refused`},
		{"placeholder", "track", `{"userId":"undefined","anonymousId":"a","event":"A"}`, `track /a/A null userId:call_id_placeholder`},
		{"only a placeholder", "track", `{"userId":"[object Object]","event":"A"}`, `track //A null userId:call_id_placeholder userId:call_nobody refused`},
		{"no event", "track", `{"userId":"u"}`, `track u// null event:required refused`},
		{"a long event", "track", `{"userId":"u","event":"` + strings.Repeat("x", 201) + `"}`, `track u//` + strings.Repeat("x", 199) + `… null event:too_long refused`},
		{"the house's own", "track", `{"userId":"u","event":"Stage Changed"}`, `track u//Stage Changed null event:event_reserved refused`},
		{"wrong types", "track", `{"userId":{},"event":["x"],"properties":[],"context":"no"}`, `track // null userId:wrong_type context:wrong_type event:wrong_type event:required properties:wrong_type refused`},
		{"control characters", "track", `{"userId":"a\u0000b","event":"A"}`, `track //A null userId:call_id_invalid refused`},
		{"a long id", "track", `{"userId":"` + strings.Repeat("x", 256) + `","event":"A"}`, `track //A null userId:call_id_invalid refused`},
		{"deep", "track", `{"userId":"u","event":"A","properties":` + deep + `}`, `track u//A {"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}} `},
		{"too deep", "track", `{"userId":"u","event":"A","properties":{"a":` + deep + `}}`, `track // null :call_too_deep refused`},
		{"too large", "track", `{"userId":"u","event":"A","properties":{"a":"` + strings.Repeat("x", MaxCall) + `"}}`, `track // null :call_too_large refused`},
		{"of a batch", "batch", `{"batch":[{"type":"TRACK","userId":"u","event":"A"}]}`, `track u//A null `},
		{"no type", "batch", `{"batch":[{"userId":"u","event":"A"}]}`, ` u// null type:not_one_of refused`},
		{"no object", "batch", `{"batch":[7]}`, `batch // null :call_no_object refused`},
		{"null", "batch", `{"batch":[null]}`, `batch // null :call_no_object refused`},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := open(t, c.kind, c.body)
			if len(calls) != 1 {
				t.Fatalf("%d calls", len(calls))
			}
			k := calls[0]
			properties, _ := json.Marshal(k.Properties)
			got := fmt.Sprintf("%s %s/%s/%s %s %s", k.Type, k.UserID, k.AnonymousID, k.Event, properties, why(k))
			if k.Traits != nil {
				traits, _ := json.Marshal(k.Traits)
				got += " traits=" + string(traits)
			}
			if k.PreviousID != "" {
				got += " from " + k.PreviousID
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if k.MessageID == "" {
				t.Error("a call without a name")
			}
		})
	}
}

func TestWhen(t *testing.T) {
	for _, c := range []struct{ name, fields, want string }{
		{"nothing said", ``, "0s "},
		{"as it says", `,"timestamp":"2026-03-01T11:00:00.5Z"`, "-59m59.5s "},
		{"another form", `,"timestamp":"2026-03-01T19:00:00+0800"`, "-1h0m0s "},
		{"a day", `,"timestamp":"2026-03-01"`, "-12h0m0s "},
		{"seconds", `,"timestamp":1772362800`, "-1h0m0s "},
		{"milliseconds", `,"timestamp":1772362800000`, "-1h0m0s "},
		{"a clock that is behind", `,"originalTimestamp":"2020-01-01T00:00:00Z","sentAt":"2020-01-01T00:00:10Z"`, "-10s "},
		{"a clock that is ahead", `,"timestamp":"2031-01-01T00:00:00Z","sentAt":"2031-01-01T00:01:00Z"`, "-1m0s "},
		{"the original counts", `,"originalTimestamp":"2026-03-01T10:00:00Z","timestamp":"2026-03-01T11:00:00Z"`, "-2h0m0s "},
		{"an old one sent now", `,"timestamp":"2025-03-01T12:00:00Z","sentAt":"2026-03-01T12:00:00Z"`, "-8760h0m0s "},
		{"sent before it happened", `,"timestamp":"2026-03-01T12:00:00Z","sentAt":"2026-03-01T11:00:00Z"`, "0s timestamp:time_in_future"},
		{"not yet", `,"timestamp":"2026-03-01T12:00:02Z"`, "0s timestamp:time_in_future"},
		{"almost now", `,"timestamp":"2026-03-01T12:00:01Z"`, "0s "},
		{"far ahead", `,"timestamp":"9999-12-31T23:59:59Z"`, "0s timestamp:time_in_future"},
		{"not a time", `,"timestamp":"yesterday"`, "0s timestamp:time_unreadable"},
		{"not a time either", `,"originalTimestamp":{}`, "0s originalTimestamp:time_unreadable"},
		{"a number too large", `,"timestamp":1e300`, "0s timestamp:time_unreadable"},
		{"too early", `,"timestamp":"1999-12-31T23:59:59Z"`, "0s timestamp:time_too_early refused"},
		{"year one", `,"timestamp":"0001-01-01T00:00:00Z"`, "0s timestamp:time_too_early refused"},
		{"an unreadable sentAt", `,"timestamp":"2026-03-01T11:00:00Z","sentAt":"soon"`, "-1h0m0s "},
	} {
		t.Run(c.name, func(t *testing.T) {
			call := open(t, "track", `{"userId":"u","event":"A"`+c.fields+`}`)[0]
			if got := call.At.Sub(received).String() + " " + why(call); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	// What is not said by the call is said by its batch.
	for _, call := range open(t, "batch", `{"sentAt":"2020-01-01T00:01:00Z","batch":[{"type":"track","userId":"u","event":"A","timestamp":"2020-01-01T00:00:00Z"},{"type":"track","userId":"u","event":"A","timestamp":"2020-01-01T00:00:00Z","sentAt":null}]}`) {
		if got := call.At.Sub(received); got != -time.Minute {
			t.Errorf("%v", got)
		}
	}
}

func TestContext(t *testing.T) {
	env, err := openEnvelope([]byte(`{"context":{"locale":"en","app":{"name":"shop","v":1}},"integrations":{"All":true},"batch":[
		{"type":"track","userId":"u","event":"A","messageId":"m","context":{"locale":"zh-CN","app":{"v":2},"timezone":"Asia/Shanghai","traits":{"x":1}},"timestamp":"2026-03-01T11:00:00Z"},
		{"type":"track","userId":"u","event":"B","messageId":"n","context":{"timezone":"../etc"},"integrations":{}}]}`), "batch")
	if err != nil {
		t.Fatal(err)
	}
	env.received, env.ip, env.agent = received, "192.0.2.1", "Browser"
	calls := env.calls()
	if calls[0].Locale != "zh-CN" || calls[0].Timezone != "Asia/Shanghai" || calls[1].Locale != "en" || calls[1].Timezone != "" {
		t.Errorf("%+v", calls)
	}
	kept, _ := json.Marshal(calls[0].Context)
	want := `{"context":{"app":{"name":"shop","v":2},"ip":"192.0.2.1","locale":"zh-CN","timezone":"Asia/Shanghai","userAgent":"Browser"},"integrations":{"All":true},"message_id":"m","timestamp":"2026-03-01T11:00:00Z","user_id":"u"}`
	if string(kept) != want {
		t.Errorf("got  %s\nwant %s", kept, want)
	}
	if kept, _ = json.Marshal(calls[1].Context["integrations"]); string(kept) != "{}" {
		t.Errorf("integrations %s", kept)
	}
}

// TestWhatIsInherited: what a batch says of all its calls counts as if each had
// said it, for it is stored with each.
func TestWhatIsInherited(t *testing.T) {
	const own = `{"type":"track","userId":"u","event":"A","messageId":"m"}`
	batch := func(field, value string) []customers.Call {
		return open(t, "batch", `{"`+field+`":`+value+`,"batch":[`+own+`,{"type":"track","userId":"u","event":"A","`+field+`":null}]}`)
	}
	nested := func(levels int) string {
		return strings.Repeat(`{"a":`, levels) + "1" + strings.Repeat("}", levels)
	}
	room := MaxCall - len(own)
	for _, field := range []string{"context", "integrations", "sentAt"} {
		for _, c := range []struct{ value, want string }{
			{`{"a":"` + strings.Repeat("x", room-len(`{"a":""}`)) + `"}`, ""},
			{`{"a":"` + strings.Repeat("x", room-len(`{"a":""}`)+1) + `"}`, ":call_too_large refused"},
			{`{"a":"` + strings.Repeat("x", 2*MaxCall) + `"}`, ":call_too_large refused"},
			{nested(9), ""},
			{nested(10), ":call_too_deep refused"},
			{nested(3000), ":call_too_deep refused"},
		} {
			call := batch(field, c.value)[0]
			if got := why(call); got != c.want || call.MessageID != "m" {
				t.Errorf("%s of %d bytes: %q of %s, want %q", field, len(c.value), got, call.MessageID, c.want)
			}
			if kept, _ := json.Marshal(call.Context); len(kept) > MaxCall+100 {
				t.Errorf("%s: %d bytes are kept", field, len(kept))
			}
		}
	}
	many := `{"context":{"a":"` + strings.Repeat("x", 1<<10) + `"},"batch":[` + strings.Repeat(own+",", MaxCalls-1) + own + `]}`
	if _, err := openEnvelope([]byte(many), "batch"); fault.CodeOf(err) != "batch_too_large" || fault.KindOf(err) != fault.Malformed {
		t.Errorf("a small context of very many calls: %v", err)
	}
	few := `{"context":{"a":"` + strings.Repeat("x", 300) + `"},"batch":[` + strings.Repeat(own+",", MaxCalls-1) + own + `]}`
	if calls := open(t, "batch", few); why(calls[MaxCalls-1]) != "" {
		t.Errorf("an ordinary context of very many calls: %s", why(calls[MaxCalls-1]))
	}
}

func TestKeysAreNotShown(t *testing.T) {
	c := open(t, "track", `{"writeKey":"fws_secret","userId":"u","event":"A"}`)[0]
	if strings.Contains(c.Body, "secret") || !strings.Contains(c.Body, `"userId":"u"`) {
		t.Error(c.Body)
	}
}

func TestBodiesThatCannotBeRead(t *testing.T) {
	for _, c := range []struct{ kind, body, code string }{
		{"track", ``, "body_malformed"}, {"track", `{`, "body_malformed"}, {"track", `[]`, "body_malformed"}, {"track", `{} {}`, "body_malformed"},
		{"batch", `{}`, "batch_missing"}, {"batch", `{"batch":{}}`, "batch_missing"}, {"batch", `{"batch":null}`, "batch_missing"}, {"import", `{"batch":"x"}`, "batch_missing"},
		{"batch", `{"batch":[` + strings.Repeat("0,", MaxCalls) + `0]}`, "too_many"},
	} {
		if _, err := openEnvelope([]byte(c.body), c.kind); fault.CodeOf(err) != c.code || fault.KindOf(err) != fault.Malformed {
			t.Errorf("%.40s: %v, want %s", c.body, err, c.code)
		}
	}
	if calls := open(t, "batch", `{"batch":[]}`); len(calls) != 0 {
		t.Errorf("%+v", calls)
	}
}

// Whatever is sent: reading ends, and what may be stored is within its limits.
func FuzzRead(f *testing.F) {
	for _, kind := range []string{"track", "batch", "identify", "page", "group", "alias", "import"} {
		f.Add(kind, []byte(`{"batch":[{"type":"identify","userId":1,"traits":{"a":[1,{}]},"timestamp":"2026-01-01"}],"userId":"u","event":"A","sentAt":3,"context":{"page":{}}}`))
	}
	f.Add("track", []byte(`{"userId":"u","event":"A","timestamp":1e400,"properties":{"\u0000":"\ud800"}}`))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		env, err := openEnvelope(body, kind)
		if err != nil {
			if fault.KindOf(err) != fault.Malformed {
				t.Errorf("%v", err)
			}
			return
		}
		env.received = received
		for _, c := range env.calls() {
			switch {
			case c.MessageID == "":
				t.Error("a call without a name")
			case c.Refused && len(c.Reasons) == 0:
				t.Error("refused without a reason")
			case c.Refused:
			case c.UserID == "" && c.AnonymousID == "":
				t.Error("a call of nobody")
			case len(c.UserID) > 4*maxID || len(c.AnonymousID) > 4*maxID || strings.ContainsRune(c.UserID+c.AnonymousID, 0):
				t.Errorf("ids %q %q", c.UserID, c.AnonymousID)
			case c.At.After(received) || c.At.Before(earliest):
				t.Errorf("at %v", c.At)
			case customers.ReservedEvent(c.Event) || c.Event == "" && c.Type != "identify" && c.Type != "alias":
				t.Errorf("event %q of %s", c.Event, c.Type)
			case depth(c.Properties) > maxDepth || depth(c.Traits) > maxDepth || depth(c.Context) > maxDepth+2:
				t.Error("too deep")
			}
			kept, err := json.Marshal([]any{c.Properties, c.Traits, c.Context})
			if len(kept) > 8*MaxCall || err != nil { // a byte is written in six at most
				t.Errorf("%d bytes are kept: %v", len(kept), err)
			}
			if _, err := json.Marshal(c.Properties); err != nil {
				t.Error(err)
			}
		}
	})
}
