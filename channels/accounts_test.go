package channels_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/channelstest"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/seal"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/internal/testkit/house"
)

func ptr[T any](v T) *T { return &v }

func each(t *testing.T, fn func(t *testing.T, h *house.House)) {
	t.Helper()
	house.Each(t, house.Options{Adapters: []channels.Adapter{&channelstest.Provider{}}}, fn)
}

func TestAccounts(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		acc, err := h.Accounts.Create(h.Ctx(), channels.New{Channel: "webchat", Name: "  My\n shop ", Config: json.RawMessage(`{"color":"#FF0000"}`)})
		if err != nil || acc.Name != "My shop" || acc.Status != channels.Active || acc.HasSecret || len(acc.Key) < 16 || !strings.Contains(string(acc.Config), `"#ff0000"`) {
			t.Fatalf("%+v %v", acc, err)
		}
		again, err := h.Accounts.Get(h.Ctx(), acc.ID)
		if err != nil || again.Name != acc.Name || again.Key != acc.Key || string(again.Config) != string(acc.Config) || !again.CreatedAt.Equal(acc.CreatedAt) {
			t.Errorf("%+v %v", again, err)
		}
		list, err := h.Accounts.List(h.Ctx())
		if err != nil || len(list) != 2 || list[0].ID != h.Account.ID || list[1].ID != acc.ID {
			t.Errorf("%v %v", list, err)
		}
		if n := h.Number("SELECT count(*) FROM changes WHERE kind = 'account' AND account_id = ? AND audience = ?", acc.ID, string(feed.Staff)); n != 1 {
			t.Errorf("told %d times", n)
		}
		if real, err := h.Accounts.HasReal(h.Ctx()); !real || err != nil {
			t.Errorf("%v %v", real, err)
		}
		if _, ok, err := h.Accounts.Sandbox(h.Ctx(), "webchat"); ok || err != nil {
			t.Errorf("%v %v", ok, err)
		}
		sandbox, err := h.Accounts.Create(h.Ctx(), channels.New{Channel: "webchat", Name: "Demo", Sandbox: true})
		if err != nil {
			t.Fatal(err)
		}
		if found, ok, err := h.Accounts.Sandbox(h.Ctx(), "webchat"); !ok || err != nil || found.ID != sandbox.ID {
			t.Errorf("%+v %v %v", found, ok, err)
		}
	})
}

func TestAccountsRefuse(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		before := h.Dump()
		for _, c := range []struct {
			n           channels.New
			code, field string
		}{
			{channels.New{Channel: "fax", Name: "x"}, "unknown_channel", "channel"}, {channels.New{Channel: "webchat", Name: " \n"}, "required", "name"},
			{channels.New{Channel: "webchat", Name: strings.Repeat("好", 81)}, "too_long", "name"},
			{channels.New{Channel: "webchat", Name: "x", Config: json.RawMessage(`{"color":"red"}`)}, "color_invalid", "config.color"},
		} {
			_, err := h.Accounts.Create(h.Ctx(), c.n)
			house.Refused(t, err, c.code, c.field)
		}
		for _, c := range []struct {
			p           channels.Patch
			code, field string
		}{
			{channels.Patch{Name: ptr("")}, "required", "name"}, {channels.Patch{Status: ptr(channels.Status("asleep"))}, "not_one_of", "status"},
			{channels.Patch{Name: ptr("fine"), Config: json.RawMessage(`{"x":1}`)}, "unknown_field", "config.x"},
		} {
			_, err := h.Accounts.Update(h.Ctx(), h.Account.ID, c.p)
			house.Refused(t, err, c.code, c.field)
		}
		if h.Dump() != before {
			t.Error("something was stored")
		}
		for _, err := range []error{
			with(h.Accounts.Get(h.Ctx(), 9)), with(h.Accounts.ByKey(h.Ctx(), "nobody's")), with(h.Accounts.Update(h.Ctx(), 9, channels.Patch{})), with(h.Accounts.NewSecret(h.Ctx(), h.Boss, 9)),
		} {
			house.Refused(t, err, "not_found", "")
		}
	})
}

func with[T any](_ T, err error) error { return err }

// After Update has returned nobody is served what was before, however many ask
// at the same moment.
func TestTheCacheIsNeverStale(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		var stored atomic.Int64 // the number that Update has acknowledged
		stop := make(chan struct{})
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					least := stored.Load()
					acc, err := h.Accounts.ByKey(h.Ctx(), h.Account.Key)
					if err != nil {
						t.Error(err)
						return
					}
					var n int64
					if _, err := fmt.Sscanf(acc.Name, "name %d", &n); err == nil && n < least {
						t.Errorf("%q is served after %d was acknowledged", acc.Name, least)
						return
					}
				}
			})
		}
		for i := range int64(60) {
			if _, err := h.Accounts.Update(h.Ctx(), h.Account.ID, channels.Patch{Name: ptr(fmt.Sprint("name ", i+1))}); err != nil {
				t.Fatal(err)
			}
			stored.Store(i + 1)
		}
		close(stop)
		readers.Wait()
		acc, err := h.Accounts.ByKey(h.Ctx(), h.Account.Key)
		if err != nil || acc.Name != "name 60" {
			t.Errorf("%v %v", acc, err)
		}
		// What another process changes is read again once the feed has told of it.
		h.Run("UPDATE accounts SET name = 'from elsewhere' WHERE id = ?", h.Account.ID)
		h.Accounts.Forget(h.Account.Key)
		if acc, err := h.Accounts.ByKey(h.Ctx(), h.Account.Key); err != nil || acc.Name != "from elsewhere" {
			t.Errorf("%v %v", acc, err)
		}
	})
}

// A secret is shown once, opens for its own account only and ends the old one.
func TestSecrets(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		empty, err := h.Accounts.Create(h.Ctx(), channels.New{Channel: channelstest.ProviderChannel, Name: "Post", Secrets: channels.Secrets{"key": ""}})
		if err != nil || len(empty.SecretNames) != 0 {
			t.Errorf("an empty credential: %+v %v", empty, err)
		}
		if _, ok, err := h.Accounts.Secret(h.Account); ok || err != nil {
			t.Errorf("%v %v", ok, err)
		}
		first, err := h.Accounts.NewSecret(h.Ctx(), h.Boss, h.Account.ID)
		if err != nil || len(first) != 64 {
			t.Fatalf("%q %v", first, err)
		}
		second, err := h.Accounts.NewSecret(h.Ctx(), h.Boss, h.Account.ID)
		if err != nil || first == second {
			t.Fatal(err)
		}
		acc, err := h.Accounts.ByKey(h.Ctx(), h.Account.Key)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok, err := h.Accounts.Secret(acc); !ok || err != nil || string(got) != second || !acc.HasSecret {
			t.Errorf("%q %v %v", got, ok, err)
		}
		other := h.NewAccount("Other", nil)
		h.Run("UPDATE accounts SET sealed_secret = (SELECT a.sealed_secret FROM accounts a WHERE a.id = ?) WHERE id = ?", acc.ID, other.ID)
		copied, err := h.Accounts.Get(h.Ctx(), other.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok, err := h.Accounts.Secret(copied); ok || err != seal.ErrBroken {
			t.Errorf("a secret copied to another account opens: %v %v", ok, err)
		}
		for _, secret := range []string{first, second} {
			if h.Number("SELECT count(*) FROM accounts WHERE sealed_secret LIKE ?", "%"+secret+"%")+h.Number("SELECT count(*) FROM changes WHERE payload LIKE ?", "%"+secret+"%") != 0 {
				t.Error("a secret is stored in the clear")
			}
		}
	})
}

func TestRegistry(t *testing.T) {
	r := channels.NewRegistry(webchat.Adapter{}, &channelstest.Provider{})
	if got := fmt.Sprint(r.Channels()); got != "[scripted webchat]" {
		t.Error(got)
	}
	if a, err := r.Adapter("webchat"); err != nil || a.Channel() != "webchat" {
		t.Errorf("%v %v", a, err)
	}
	house.Refused(t, with(r.Adapter("fax")), "unknown_channel", "channel")
}

// trail notes what is audited.
type trail []string

func (t *trail) AuditTx(_ *store.Tx, by auth.Principal, action, object string, details map[string]any) error {
	*t = append(*t, fmt.Sprint(by.Name, " ", action, " ", object, " ", details))
	return nil
}

// Who connects, changes or gives a new secret to an account stands in the audit
// trail, and no secret does.
func TestAccountsAreAudited(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		var told trail
		h.Accounts.OnAudit(&told)
		defer h.Accounts.OnAudit(nil)
		acc, err := h.Accounts.Create(h.Ctx(), channels.New{Channel: channelstest.ProviderChannel, Name: "Post", Secrets: channels.Secrets{"key": "hush"}, By: h.Boss})
		if err != nil {
			t.Fatal(err)
		}
		off := channels.Disabled
		if _, err := h.Accounts.Update(h.Ctx(), acc.ID, channels.Patch{Name: ptr("Post 2"), Status: &off, Secrets: channels.Secrets{"key": "hush hush"}, By: h.Boss}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Accounts.NewSecret(h.Ctx(), h.Boss, acc.ID); err != nil {
			t.Fatal(err)
		}
		object := "account/" + acc.ID.String()
		want := trail{
			"Boss account.created " + object + " map[channel:scripted name:Post]",
			"Boss account.changed " + object + " map[name:Post 2 secrets:[key] status:disabled]",
			"Boss account.secret_made " + object + " map[]",
		}
		if fmt.Sprint(told) != fmt.Sprint(want) {
			t.Errorf("told\n%v\nwant\n%v", told, want)
		}
		// The credentials are sealed, and bound to their account.
		if h.Number("SELECT count(*) FROM accounts WHERE sealed_credentials LIKE '%hush%' OR config LIKE '%hush%'")+h.Number("SELECT count(*) FROM changes WHERE payload LIKE '%hush%'") != 0 {
			t.Error("a credential is stored in the clear")
		}
		again, err := h.Accounts.Get(h.Ctx(), acc.ID)
		if err != nil || fmt.Sprint(again.SecretNames) != "[key]" {
			t.Fatalf("%+v %v", again, err)
		}
		if secrets, err := h.Accounts.Secrets(again); err != nil || secrets["key"] != "hush hush" {
			t.Errorf("%v %v", secrets, err)
		}
		other := h.NewAccount("Other", nil)
		h.Run("UPDATE accounts SET sealed_credentials = (SELECT a.sealed_credentials FROM accounts a WHERE a.id = ?) WHERE id = ?", acc.ID, other.ID)
		copied, err := h.Accounts.Get(h.Ctx(), other.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Accounts.Secrets(copied); err != seal.ErrBroken {
			t.Errorf("credentials copied to another account open: %v", err)
		}
	})
}

// Health is told once for each change, and stays until the next.
func TestHealth(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		told := func() int64 {
			return h.Number("SELECT count(*) FROM changes WHERE kind = 'account' AND account_id = ?", h.Account.ID)
		}
		before := told()
		for range 3 {
			if err := h.Accounts.Report(h.Ctx(), h.Account.ID, channels.Health{Code: "wechat_ip_refused", Params: fault.Params{"ip": "192.0.2.1"}}); err != nil {
				t.Fatal(err)
			}
		}
		acc, err := h.Accounts.Get(h.Ctx(), h.Account.ID)
		if err != nil || acc.Health.OK || acc.Health.Code != "wechat_ip_refused" || acc.Health.Since == nil || told() != before+1 {
			t.Errorf("%+v %v, told %d times", acc.Health, err, told()-before)
		}
		if err := h.Accounts.Report(h.Ctx(), h.Account.ID, channels.Health{OK: true}); err != nil {
			t.Fatal(err)
		}
		if acc, err = h.Accounts.Get(h.Ctx(), h.Account.ID); err != nil || !acc.Health.OK || told() != before+2 {
			t.Errorf("%+v %v", acc.Health, err)
		}
		house.Refused(t, h.Accounts.Report(h.Ctx(), 9, channels.Health{}), "not_found", "")
	})
}

// mailbox is a provider whose accounts stand for an address each.
type mailbox struct{ channelstest.Provider }

func (*mailbox) Claim(config json.RawMessage) (field, value string, err error) {
	var c channelstest.ProviderConfig
	err = json.Unmarshal(config, &c)
	return "config.address", c.Address, err
}

// What an account stands for is no other account's, of two made at once neither;
// a disabled one keeps it.
func TestOneAccountForEachAddress(t *testing.T) {
	house.Each(t, house.Options{Adapters: []channels.Adapter{&mailbox{}}}, func(t *testing.T, h *house.House) {
		create := func(address string) (*channels.Account, error) {
			return h.Accounts.Create(h.Ctx(), channels.New{Channel: channelstest.ProviderChannel, Name: "Post " + address, Config: json.RawMessage(`{"address":"` + address + `"}`)})
		}
		first, err := create("a")
		if err != nil {
			t.Fatal(err)
		}
		second, err := create("b")
		if err != nil {
			t.Fatal(err)
		}
		off := channels.Disabled
		if _, err := h.Accounts.Update(h.Ctx(), first.ID, channels.Patch{Status: &off}); err != nil {
			t.Fatal(err)
		}
		before := h.Dump()
		_, err = create("a")
		house.Refused(t, err, "account_taken", "config.address")
		_, err = h.Accounts.Update(h.Ctx(), second.ID, channels.Patch{Config: json.RawMessage(`{"address":"a"}`)})
		house.Refused(t, err, "account_taken", "config.address")
		if h.Dump() != before {
			t.Error("something was stored")
		}
		for range 2 { // accounts that say nothing claim nothing
			if _, err := create(""); err != nil {
				t.Fatal(err)
			}
		}
		// Two from before this rule can still be changed.
		h.Run("UPDATE accounts SET config = (SELECT a.config FROM accounts a WHERE a.id = ?) WHERE id = ?", first.ID, second.ID)
		if _, err := h.Accounts.Update(h.Ctx(), second.ID, channels.Patch{Name: ptr("new"), Secrets: channels.Secrets{"key": "k"}}); err != nil {
			t.Error(err)
		}
		if _, err := h.Accounts.Update(h.Ctx(), second.ID, channels.Patch{Config: json.RawMessage(`{"address":"c"}`)}); err != nil {
			t.Error(err)
		}
		var made atomic.Int64
		var at sync.WaitGroup
		for range 8 {
			at.Go(func() {
				if _, err := create("race"); err == nil {
					made.Add(1)
				} else if fault.CodeOf(err) != "invalid" && fault.CodeOf(err) != "account_taken" {
					t.Error(err)
				}
			})
		}
		at.Wait()
		if made.Load() != 1 {
			t.Errorf("%d accounts of one address", made.Load())
		}
	})
}
