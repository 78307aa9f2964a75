package api_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/api"
)

// customerOf is whose a conversation is.
func (h *house) customerOf(conversation string) string {
	h.t.Helper()
	got := h.json(call{method: "GET", path: "/api/v1/conversations/" + conversation, as: "owner"})
	return got["customer"].(map[string]any)["id"].(string)
}

// secret makes the shop's identity secret.
func (h *house) secret() []byte {
	h.t.Helper()
	return []byte(h.json(call{method: "POST", path: "/api/v1/accounts/" + h.account.ID.String() + "/identity-secret", as: "owner"})["secret"].(string))
}

// signIn begins a session of a signed-in user and returns the headers of later calls.
func (h *house) signIn(secret []byte, visitor, user, email string) map[string]string {
	h.t.Helper()
	identity := map[string]any{"user_id": user, "hash": hex.EncodeToString(webchat.IdentityHash(secret, user))}
	if email != "" {
		identity["email"], identity["email_hash"] = email, hex.EncodeToString(webchat.EmailHash(secret, user, email))
	}
	body, err := json.Marshal(map[string]any{"visitor": visitor, "identity": identity})
	if err != nil {
		h.t.Fatal(err)
	}
	got := h.json(call{method: "POST", path: h.site("/session"), header: from(shop), body: string(body)})
	return map[string]string{"Origin": shop, "Authorization": "Visitor " + got["visitor"].(string)}
}

func token(headers map[string]string) string {
	return strings.TrimPrefix(headers["Authorization"], "Visitor ")
}

func TestMergeAndUndo(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		h := build(t, db)
		phone, laptop := h.visit(), h.visit()
		first, second := h.write(phone, "1", "from the phone"), h.write(laptop, "1", "from the laptop")
		a, b := h.customerOf(first), h.customerOf(second)
		h.json(call{method: "PATCH", path: "/api/v1/customers/" + a, as: "agent", body: `{"name":"王小明"}`})
		h.json(call{method: "PATCH", path: "/api/v1/customers/" + b, as: "agent", body: `{"name":"Ming","timezone":"Asia/Shanghai"}`})
		one := "/api/v1/customers/" + a
		do := func(body string) call { return call{method: "POST", path: one + "/merge", as: "agent", body: body} }
		h.run(t, []scenario{
			{name: "preview", call: call{method: "GET", path: one + "/merge-preview?with=" + b, as: "viewer"}, status: 200,
				has: []string{`"conversations":{"survivor":1,"absorbed":1}`, `"code":"names_differ"`, `"field":"timezone","survivor":null,"absorbed":"Asia/Shanghai","result":"Asia/Shanghai","from":"absorbed"`, `"suggested_survivor_id":"` + a + `"`}},
			{name: "preview without the inbox", call: call{method: "GET", path: one + "/merge-preview?with=" + b, as: "marketer"}, status: 200, has: []string{`"conversations":{"survivor":0,"absorbed":0}`}},
			{name: "preview with nobody", call: call{method: "GET", path: one + "/merge-preview?with=7", as: "viewer"}, status: 422, has: []string{`{"field":"with","code":"customer_unknown"`}},
			{name: "preview with oneself", call: call{method: "GET", path: one + "/merge-preview?with=" + a, as: "viewer"}, status: 422, has: []string{`{"field":"with","code":"merge_same"`}},
			{name: "preview without with", call: call{method: "GET", path: one + "/merge-preview", as: "viewer"}, status: 422, has: []string{`"field":"with"`}},
			{name: "a viewer may not", call: call{method: "POST", path: one + "/merge", as: "viewer", body: `{"absorb":"` + b + `","client_key":"m"}`}, status: 403},
			{name: "no key", call: do(`{"absorb":"` + b + `","client_key":""}`), status: 422, has: []string{`{"field":"client_key","code":"required"}`}},
			{name: "nobody", call: do(`{"absorb":"7","client_key":"m"}`), status: 422, has: []string{`{"field":"absorb","code":"customer_unknown"`}},
			{name: "merge", call: do(`{"absorb":"` + b + `","client_key":"m"}`), status: 201, has: []string{`"kind":"manual"`, `"filled":{"timezone":"Asia/Shanghai"}`, `"undone":null`, `"name":"agent"`}, changes: []string{"conversation", "customer_merged", "customer"}},
			{name: "the same again", call: do(`{"absorb":"` + b + `","client_key":"m"}`), status: 201, has: []string{`"kind":"manual"`}},
			{name: "one already", call: do(`{"absorb":"` + b + `","client_key":"n"}`), status: 422, has: []string{`merge_same`}},
			{name: "the absorbed id answers", call: call{method: "GET", path: "/api/v1/customers/" + b, as: "viewer"}, status: 200, has: []string{`"id":"` + a + `"`, "王小明"}},
			{name: "both conversations", call: call{method: "GET", path: "/api/v1/conversations?total=true&customer_id=" + a, as: "agent"}, status: 200, has: []string{`"total":2`}},
			{name: "one in the list", call: call{method: "GET", path: "/api/v1/customers?total=true&q=明", as: "agent"}, status: 200, has: []string{`"total":1`}},
			{name: "the phone does not see the laptop's thread", call: call{method: "GET", path: h.site("/messages"), header: phone}, status: 200, has: []string{"from the phone"}, not: []string{"from the laptop"}},
			{name: "the phone writes into its own, though it is older", call: call{method: "POST", path: h.site("/messages"), header: phone, body: `{"client_key":"2","body":"more"}`}, status: 201, has: []string{`"conversation_id":"` + first + `"`}, changes: []string{"message"}},
			{name: "the laptop writes into its own", call: call{method: "POST", path: h.site("/messages"), header: laptop, body: `{"client_key":"2","body":"more"}`}, status: 201, has: []string{`"conversation_id":"` + second + `"`}, changes: []string{"message"}},
		})
		log := h.json(call{method: "GET", path: one + "/merges?total=true", as: "viewer"})
		if log["total"] != 1.0 {
			t.Errorf("%v", log)
		}
		id := log["items"].([]any)[0].(map[string]any)["id"].(string)
		back := call{method: "POST", path: "/api/v1/merges/" + id + "/undo", as: "marketer"}
		h.run(t, []scenario{
			{name: "a viewer may not undo", call: call{method: "POST", path: "/api/v1/merges/" + id + "/undo", as: "viewer"}, status: 403},
			{name: "no such merge", call: call{method: "POST", path: "/api/v1/merges/7/undo", as: "agent"}, status: 404},
			{name: "undo", call: back, status: 200, has: []string{`"name":"marketer"`}, not: []string{`"undone":null`}, changes: []string{"conversation", "customer", "customer"}},
			{name: "undone already", call: back, status: 200, has: []string{`"name":"marketer"`}},
			{name: "apart", call: call{method: "GET", path: "/api/v1/customers/" + b, as: "viewer"}, status: 200, has: []string{`"id":"` + b + `"`, "Ming"}},
			{name: "what was filled is taken back", call: call{method: "GET", path: one, as: "viewer"}, status: 200, has: []string{`"timezone":null`, "王小明"}},
			{name: "once parted", call: do(`{"absorb":"` + b + `","client_key":"o"}`), status: 409, has: []string{`"code":"merge_objected"`, `"objection":"undone_before"`}},
			{name: "overruled", call: do(`{"absorb":"` + b + `","client_key":"o","despite":["undone_before"]}`), status: 201, changes: []string{"conversation", "customer_merged", "customer"}},
		})
		if got := h.customerOf(second); got != a {
			t.Errorf("the laptop's conversation is %s's", got)
		}
		if n := count(t, db, "SELECT count(*) FROM audit WHERE action IN ('customer.merged', 'customer.merge_undone') AND object = '"+"customer/"+a+"' AND actor_kind = 'teammate'"); n != 3 {
			t.Errorf("%d rows of audit", n)
		}
	})
}

func count(t *testing.T, db *store.DB, sql string) (n int64) {
	t.Helper()
	if err := db.SQL().QueryRowContext(context.Background(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Two devices of a person share a thread; when a teammate takes one of them
// away, what each wrote goes with it and nothing of it is shown to the other.
func TestUndoneIdentifyPartsTheThread(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		h := build(t, db)
		secret := h.secret()
		laptop := h.visit()
		shared := h.write(laptop, "1", "anonymous on the laptop")
		stranger := h.customerOf(shared)
		laptop = h.signIn(secret, token(laptop), "u1", "")
		phone := h.signIn(secret, "", "u1", "")
		if id := h.write(phone, "1", "SECRET of the phone"); id != shared {
			t.Fatalf("the phone wrote into %s", id)
		}
		h.json(call{method: "POST", path: "/api/v1/conversations/" + shared + "/messages", as: "agent", body: `{"client_key":"a","body":"ANSWER to the phone"}`})
		h.json(call{method: "POST", path: "/api/v1/conversations/" + shared + "/read", as: "agent", body: `{"seq":4}`})
		person := h.customerOf(shared)
		log := h.json(call{method: "GET", path: "/api/v1/customers/" + person + "/merges", as: "agent"})["items"].([]any)
		id := log[0].(map[string]any)["id"].(string)
		h.run(t, []scenario{{name: "undo", call: call{method: "POST", path: "/api/v1/merges/" + id + "/undo", as: "agent"}, status: 200, has: []string{`"kind":"identify"`},
			changes: []string{"conversation", "conversation", "thread", "thread", "customer", "customer"}}})
		if got := h.customerOf(shared); got != stranger {
			t.Errorf("the laptop's conversation is %s's, not %s's", got, stranger)
		}
		list := h.json(call{method: "GET", path: "/api/v1/conversations?customer_id=" + person, as: "agent"})["items"].([]any)
		if len(list) != 1 {
			t.Fatalf("%v", list)
		}
		own := list[0].(map[string]any)["id"].(string)
		h.run(t, []scenario{
			{name: "the laptop", call: call{method: "GET", path: h.site("/messages"), header: laptop}, status: 200, has: []string{"anonymous on the laptop"}, not: []string{"SECRET", "ANSWER"}},
			{name: "the phone", call: call{method: "GET", path: h.site("/messages"), header: phone}, status: 200, has: []string{"SECRET", "ANSWER"}, not: []string{"anonymous"}},
			{name: "the thread of the laptop", call: call{method: "GET", path: "/api/v1/conversations/" + shared + "/messages", as: "agent"}, status: 200,
				has: []string{"anonymous", `"code":"message_moved"`, `"seq":4`, `"has_more_before":false`}, not: []string{"SECRET", "ANSWER"}},
			{name: "the thread of the phone", call: call{method: "GET", path: "/api/v1/conversations/" + own + "/messages", as: "agent"}, status: 200,
				has: []string{`"code":"split_off"`, "SECRET", "ANSWER", `"seq":3`}, not: []string{"anonymous"}},
			{name: "the laptop's state", call: call{method: "GET", path: "/api/v1/conversations/" + shared, as: "agent"}, status: 200,
				has: []string{`"inbound_count":1`, `"read_inbound_count":1`, `"preview":"anonymous on the laptop"`}, not: []string{`"waiting_since":null`}},
			{name: "the phone's state", call: call{method: "GET", path: "/api/v1/conversations/" + own, as: "agent"}, status: 200,
				has: []string{`"inbound_count":1`, `"preview":"ANSWER to the phone"`, `"waiting_since":null`, `"last_seq":3`}},
			{name: "the phone goes on where it is", call: call{method: "POST", path: h.site("/messages"), header: phone, body: `{"client_key":"2","body":"thanks"}`}, status: 201, has: []string{`"conversation_id":"` + own + `"`}, changes: []string{"message"}},
			{name: "a repeat of the moved message", call: call{method: "POST", path: h.site("/messages"), header: phone, body: `{"client_key":"1","body":"x"}`}, status: 201, has: []string{"SECRET", `"conversation_id":"` + own + `"`}},
			{name: "the laptop signs in again and is a new visitor", call: call{method: "POST", path: h.site("/session"), header: from(shop),
				body: `{"visitor":"` + token(laptop) + `","identity":{"user_id":"u1","hash":"` + hex.EncodeToString(webchat.IdentityHash(secret, "u1")) + `"}}`}, status: 200, has: []string{`"replaced":true`}, changes: []string{"customer"}},
		})
		if n := count(t, db, "SELECT COALESCE(sum(n), 0) FROM conversation_counts"); n != 2 {
			t.Errorf("%d conversations are counted", n)
		}
	})
}

func TestProvenEmailByTheSite(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		h := build(t, db)
		secret := h.secret()
		v := h.signIn(secret, "", "u1", "Lin@Example.com")
		id := h.customerOf(h.write(v, "1", "hello"))
		other := h.customerOf(h.write(h.signIn(secret, "", "u2", "lin@example.com"), "1", "hello"))
		forged := `{"identity":{"user_id":"u1","hash":"` + hex.EncodeToString(webchat.IdentityHash(secret, "u1")) + `","email":"boss@example.com","email_hash":"` + hex.EncodeToString(webchat.EmailHash(secret, "u1", "lin@example.com")) + `"}}`
		h.run(t, []scenario{
			{name: "an identity", call: call{method: "GET", path: "/api/v1/customers/" + id + "/identities", as: "viewer"}, status: 200, has: []string{`"kind":"email"`, `"value":"lin@example.com"`}},
			{name: "found by it", call: call{method: "GET", path: "/api/v1/customers?q=N@EXAMPLE&total=true", as: "viewer"}, status: 200, has: []string{id}},
			{name: "a proof for another address", call: call{method: "POST", path: h.site("/session"), header: from(shop), body: forged}, status: 403, has: []string{"email_proof_refused"}},
			{name: "contradiction", call: call{method: "GET", path: "/api/v1/contradictions?total=true&customer_id=" + id, as: "viewer"}, status: 200, has: []string{`"total":1`, `"kind":"email"`, id, other}},
			{name: "all of them", call: call{method: "GET", path: "/api/v1/contradictions", as: "viewer"}, status: 200, has: []string{other}},
			{name: "of nobody", call: call{method: "GET", path: "/api/v1/contradictions?customer_id=7", as: "viewer"}, status: 404},
		})
	})
}

// codes stands for WeChat.
type codes struct{ asked []string }

func (c *codes) QR(_ context.Context, a *channels.Account, scene string, lifetime time.Duration) (api.QRCode, error) {
	if lifetime != 5*time.Minute {
		return api.QRCode{}, errors.New("lifetime " + lifetime.String())
	}
	c.asked = append(c.asked, a.Name+" "+scene)
	return api.QRCode{URL: "http://weixin.qq.example/q/" + scene, Ticket: "t-" + scene}, nil
}

func TestBindCodes(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		qr := &codes{}
		h := build(t, db, func(o *api.Options) { o.QR = qr })
		v := h.signIn(h.secret(), "", "u1", "")
		ask := call{method: "POST", path: h.site("/bind"), header: v}
		stranger := h.visit()
		h.run(t, []scenario{
			{name: "no WeChat account", call: ask, status: 201, has: []string{`"qr":null`, `"scene":"bind_`, `"expires_at":"2026-01-02T03:09:05.678Z"`}},
			{name: "a stranger", call: call{method: "POST", path: h.site("/bind"), header: stranger}, status: 403, has: []string{"identity_required"}},
			{name: "nobody", call: call{method: "POST", path: h.site("/bind"), header: from(shop)}, status: 401, has: []string{"visitor_refused"}},
			{name: "another site", call: call{method: "POST", path: h.site("/bind"), header: map[string]string{"Origin": "https://evil.example", "Authorization": v["Authorization"]}}, status: 403, has: []string{"origin_refused"}},
		})
		now := h.clk.Now().UnixMilli()
		if err := db.Write(context.Background(), func(tx *store.Tx) error {
			var b store.Builder
			b.Add("INSERT INTO accounts (id, channel, name, public_key, status, config, created_at, updated_at) VALUES (77, 'wechat', 'Followers', 'w', 'active', '{}', ?, ?)", now, now)
			q, args := b.Query()
			_, err := tx.Exec(q, args...)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		got := h.json(ask)
		scene := got["scene"].(string)
		if got["qr"].(map[string]any)["ticket"] != "t-"+scene || len(qr.asked) != 1 || qr.asked[0] != "Followers "+scene {
			t.Errorf("%v %v", got, qr.asked)
		}
		h.write(stranger, "1", "hello")
		h.run(t, []scenario{{name: "a stranger with a row", call: call{method: "POST", path: h.site("/bind"), header: stranger}, status: 403, has: []string{"identity_required"}}})
		ask.from = "203.0.113.9:1"
		for i := range 21 {
			want := http.StatusCreated
			if i == 20 {
				want = http.StatusTooManyRequests
			}
			if w := h.do(ask); w.Code != want {
				t.Errorf("call %d: %d %s", i, w.Code, w.Body)
			}
		}
	})
}

func TestConsentCalls(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		h := build(t, db)
		id := h.customerOf(h.write(h.visit(), "1", "hello"))
		path := "/api/v1/customers/" + id + "/consents"
		say := func(body string) call { return call{method: "POST", path: path, as: "marketer", body: body} }
		h.run(t, []scenario{
			{name: "nothing", call: call{method: "GET", path: path, as: "viewer"}, status: 200, has: []string{`{"current":[],"history":[]}`}},
			{name: "granted", call: say(`{"client_key":"1","channel":"email","purpose":"marketing","state":"granted","source":"order form"}`), status: 201, has: []string{`"state":"granted"`, `"source":"order form"`}, changes: []string{"customer"}},
			{name: "the same again", call: say(`{"client_key":"1","channel":"email","purpose":"marketing","state":"granted","source":"order form"}`), status: 201},
			{name: "another wish by the same key", call: say(`{"client_key":"1","channel":"email","purpose":"marketing","state":"withdrawn","source":"phone"}`), status: 409, has: []string{"client_key_reused"}},
			{name: "withdrawn", call: say(`{"client_key":"2","channel":"email","purpose":"marketing","state":"withdrawn","source":"phone"}`), status: 201, has: []string{`"current":[{`}, changes: []string{"customer"}},
			{name: "no such purpose", call: say(`{"client_key":"3","channel":"email","purpose":"spying","state":"granted","source":"x"}`), status: 422, has: []string{`"field":"purpose"`}},
			{name: "viewers only read", call: call{method: "POST", path: path, as: "viewer", body: `{"client_key":"4","channel":"email","purpose":"marketing","state":"granted","source":"x"}`}, status: 403},
			{name: "nobody's", call: call{method: "GET", path: "/api/v1/customers/7/consents", as: "viewer"}, status: 404},
		})
		got := h.json(call{method: "GET", path: path, as: "viewer"})
		if len(got["current"].([]any)) != 1 || len(got["history"].([]any)) != 2 {
			t.Errorf("%v", got)
		}
	})
}

// The timeline holds everything once and in order, whatever the page's size, and
// nothing of what one may not see.
func TestTimeline(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		h := build(t, db)
		secret := h.secret()
		mine := h.hire("mine", auth.NewTeammate{Role: auth.Agent, Scope: auth.ScopeAssigned})
		v := h.visit()
		conversation := h.write(v, "1", "first")
		for i := range 3 {
			h.write(v, fmt.Sprint("more", i), fmt.Sprint("more ", i)) // at one instant
		}
		h.clk.Advance(time.Second)
		h.json(call{method: "POST", path: "/api/v1/conversations/" + conversation + "/messages", as: "agent", body: `{"client_key":"n","kind":"note","body":"a note"}`})
		h.signIn(secret, token(v), "u1", "")
		id := h.customerOf(conversation)
		path := "/api/v1/customers/" + id
		h.json(call{method: "POST", path: path + "/consents", as: "agent", body: `{"client_key":"1","channel":"email","purpose":"marketing","state":"granted","source":"form"}`})
		log := h.json(call{method: "GET", path: path + "/merges", as: "agent"})["items"].([]any)
		h.clk.Advance(time.Second)
		other := h.customerOf(h.write(h.visit(), "1", "of another browser"))
		h.json(call{method: "POST", path: path + "/merge", as: "agent", body: `{"absorb":"` + other + `","client_key":"m"}`})
		m := h.json(call{method: "GET", path: path + "/merges", as: "agent"})["items"].([]any)[0].(map[string]any)["id"].(string)
		h.json(call{method: "POST", path: "/api/v1/merges/" + m + "/undo", as: "agent"})
		if len(log) != 1 {
			t.Fatalf("%v", log)
		}
		read := func(as string, limit int) (out []string) {
			t.Helper()
			for cursor := ""; ; {
				page := h.json(call{method: "GET", path: fmt.Sprint(path, "/timeline?total=true&limit=", limit, "&cursor=", cursor), as: as})
				for _, i := range page["items"].([]any) {
					item := i.(map[string]any)
					text := item["kind"].(string)
					if msg, ok := item["message"].(map[string]any); ok {
						text += " " + msg["preview"].(string)
					}
					if e, ok := item["event"].(map[string]any); ok {
						text += " " + e["name"].(string)
					}
					out = append(out, text)
				}
				next, ok := page["next_cursor"].(string)
				if !ok {
					if page["total"] != float64(len(out)) {
						t.Errorf("%s: total %v, listed %d", as, page["total"], len(out))
					}
					return out
				}
				cursor = next
			}
		}
		want := "merge_undone|merge|message a note|event Customer Identified|merge|consent|message more 2|message more 1|message more 0|message first"
		for limit := 1; limit < 13; limit++ {
			if got := strings.Join(read("agent", limit), "|"); got != want {
				t.Errorf("limit %d:\n%s\nwant\n%s", limit, got, want)
			}
		}
		without := "merge_undone|merge|event Customer Identified|merge|consent"
		for _, as := range []string{"mine", "marketer"} {
			if got := strings.Join(read(as, 3), "|"); got != without {
				t.Errorf("%s sees\n%s\nwant\n%s", as, got, without)
			}
		}
		h.json(call{method: "PATCH", path: "/api/v1/conversations/" + conversation, as: "owner", body: `{"assignee_id":"` + mine.ID.String() + `"}`})
		if got := strings.Join(read("mine", 4), "|"); got != want {
			t.Errorf("the assignee sees\n%s", got)
		}
		h.run(t, []scenario{
			{name: "of nobody", call: call{method: "GET", path: "/api/v1/customers/7/timeline", as: "agent"}, status: 404},
			{name: "another list's cursor", call: call{method: "GET", path: path + "/timeline?cursor=eyJrIjoiZXZlbnRzIn0", as: "agent"}, status: 422, has: []string{"cursor_invalid"}},
		})
	})
}
