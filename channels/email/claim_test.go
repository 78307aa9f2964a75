package email_test

import (
	"encoding/json"
	"testing"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/internal/testkit/house"
)

// One mailbox is one account's, however its address is written.
func TestOneAccountForEachMailbox(t *testing.T) {
	a := email.NewAdapter(nil, nil, nil)
	house.Each(t, house.Options{Adapters: []channels.Adapter{a}}, func(t *testing.T, h *house.House) {
		a.Attach(h.Accounts)
		create := func(address string) error {
			_, err := h.Accounts.Create(h.Ctx(), channels.New{Channel: email.Channel, Name: "Mail", Config: json.RawMessage(`{"address":"` + address + `","smtp":{"host":"mail.example"}}`)})
			return err
		}
		if err := create("help@tea.example"); err != nil {
			t.Fatal(err)
		}
		house.Refused(t, create("Help@Tea.Example"), "account_taken", "config.address")
		if err := create("sales@tea.example"); err != nil {
			t.Error(err)
		}
	})
}
