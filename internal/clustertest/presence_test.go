package clustertest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/testkit"
)

func lists(id string) func(frame) bool {
	return func(f frame) bool { return strings.Contains(string(f.Online), `"`+id+`"`) }
}

func lacks(id string) func(frame) bool { return func(f frame) bool { return !lists(id)(f) } }

// send writes a visitor's message by HTTP and returns whose it is.
func (c *cluster) send(t *testing.T, p *testkit.Process, token, key, body string) (conversation, customer string) {
	t.Helper()
	var m message
	header := http.Header{"Origin": {shopOrigin}, "Authorization": {"Visitor " + token}}
	if _, err := ask(plain, "POST", p.URL+"/channels/webchat/"+c.account.Key+"/messages", header, map[string]any{"client_key": key, "body": body, "attachment_ids": []string{}}, &m); err != nil {
		t.Fatal(err)
	}
	var got struct{ Customer struct{ ID string } }
	c.do(0, "GET", "/api/v1/conversations/"+m.ConversationID, nil, &got)
	return m.ConversationID, got.Customer.ID
}

// TestPresence: who is connected to one node is seen on the other, a node that
// starts knows it at once, and the people of one that is killed are gone.
func TestPresence(t *testing.T) {
	c := open(t, testkit.Redis(t).URL(), 2)
	near, far := c.nodes[0], c.nodes[1]
	lin, mei := c.hire(0, "lin", "agent"), c.hire(0, "mei", "agent")
	a, _ := c.socket(near, lin)
	a.next("presence", lists(lin.id))
	b, hello := c.socket(far, mei)
	if !lists(lin.id)(hello) {
		b.next("presence", lists(lin.id))
	}
	a.next("presence", lists(mei.id))

	token := c.token(far)
	conversation, customer := c.send(t, far, token, "1", "hello")
	v, _ := c.visitor(far, token)
	a.next("customer_presence", func(f frame) bool { return f.CustomerID == customer && string(f.Online) == "true" })
	online := func(p *testkit.Process) bool {
		var k struct{ Online bool }
		_, err := ask(plain, "GET", p.URL+"/api/v1/customers/"+customer, c.owner, nil, &k)
		return err == nil && k.Online
	}
	if !online(near) || !online(far) {
		t.Errorf("online is %v here and %v where the socket is", online(near), online(far))
	}

	// Looking and typing.
	a.say(map[string]any{"t": "view", "conversation_id": conversation, "mode": "replying"})
	b.next("viewers", func(f frame) bool {
		return len(f.Viewers) == 1 && f.Viewers[0].ID == lin.id && f.Viewers[0].Mode == "replying"
	})
	a.say(map[string]any{"t": "typing", "conversation_id": conversation, "on": true})
	v.next("typing", func(f frame) bool { return f.On })
	v.say(map[string]any{"t": "typing", "on": true})
	a.next("typing", func(f frame) bool { return f.On })

	// A second tab on another node: the customer stays when the first goes.
	second, _ := c.visitor(near, token)
	v.cut()
	testkit.Eventually(t, soon, "the first tab has gone", func() bool { return strings.Contains(get(far.URL+"/metrics"), `fanward_sockets{kind="visitor"} 0`) })
	if !online(far) {
		t.Error("the customer is said to be gone")
	}
	second.cut()
	a.next("customer_presence", func(f frame) bool { return f.CustomerID == customer && string(f.Online) == "false" })
	testkit.Eventually(t, soon, "the customer is gone on both", func() bool { return !online(near) && !online(far) })

	// A node that starts.
	v, _ = c.visitor(far, token)
	testkit.Eventually(t, soon, "the customer is back", func() bool { return online(near) })
	young := c.start()
	testkit.Eventually(t, soon, "it has joined", func() bool { return strings.Contains(get(young.URL+"/metrics"), "fanward_redis_up 1") })
	testkit.Eventually(t, soon, "it knows the customer", func() bool { return online(young) })
	boss := c.hire(0, "boss", "manager")
	d, hello := c.socket(young, boss)
	if !lists(lin.id)(hello) || !lists(mei.id)(hello) {
		t.Errorf("a node that has come knows %s of the teammates", hello.Online)
	}

	// A node that is killed.
	far.Kill()
	a.next("presence", lacks(mei.id))
	d.next("customer_presence", func(f frame) bool { return f.CustomerID == customer && string(f.Online) == "false" })
	if online(near) || online(young) {
		t.Error("a customer of a dead node is online")
	}
	_ = v
}
