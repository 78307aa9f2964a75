package wechat

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/clock"
)

const (
	// topicToken wakes nodes that wait for a token; topicDead tells of one that
	// WeChat does not take any more.
	topicToken = "wechat/token"
	topicDead  = "wechat/token-dead"

	// fetchLease is how long one node is left alone with fetching a token.
	fetchLease = callTimeout
	// lookEvery is how often a node that waits looks without being woken, and
	// waitFor how long it waits before it fetches one itself.
	lookEvery = 100 * time.Millisecond
	waitFor   = 3 * time.Second
)

// Common lets the nodes of a cluster share their tokens: one fetches, and what
// WeChat refuses is dropped on all of them. What is shared is sealed.
type Common struct {
	Nodes  bus.Cluster
	Sealer channels.Sealer
}

// commonToken is a token as it is shared.
type commonToken struct {
	Value string `json:"value"`
	Until int64  `json:"until"`
}

func tokenPurpose(key string) string { return "wechat-token/" + key }

func nameOf(key string) string { return "wechat-token:" + key }

// Share joins the client to other nodes. Call it while the program starts.
func (c *Client) Share(with Common) { c.common = &with }

// read takes the sealed value and what is in it.
func (m *Common) read(ctx context.Context, clk clock.Clock, key string) (sealed []byte, t commonToken, ok bool) {
	sealed, found := m.Nodes.Get(ctx, nameOf(key))
	if !found {
		return nil, t, false
	}
	plain, err := m.Sealer.Unseal(tokenPurpose(key), string(sealed))
	if err != nil || json.Unmarshal(plain, &t) != nil {
		return nil, t, false
	}
	return sealed, t, clk.Now().Before(clock.FromMillis(t.Until))
}

// await finds a token of another node. Where one is just being fetched elsewhere
// it is waited for; false says that this node fetches one.
func (m *Common) await(ctx context.Context, clk clock.Clock, key string) (value string, until time.Time, ok bool) {
	if m == nil {
		return "", until, false
	}
	woken, stop := m.Nodes.Subscribe(topicToken, 1)
	defer stop()
	end := time.NewTimer(waitFor) // nodes wait for each other by the machine's time
	defer end.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for over := false; ; {
		if _, t, ok := m.read(ctx, clk, key); ok {
			return t.Value, clock.FromMillis(t.Until), true
		}
		if over {
			return "", until, false
		}
		if m.Nodes.Hold(ctx, nameOf(key), fetchLease) {
			// Who held it before may have fetched one meanwhile.
			_, t, ok := m.read(ctx, clk, key)
			if ok {
				m.Nodes.Release(context.WithoutCancel(ctx), nameOf(key))
			}
			return t.Value, clock.FromMillis(t.Until), ok
		}
		select {
		case <-ctx.Done():
			return "", until, false
		case <-woken:
		case <-look.C:
		case <-end.C:
			over = true
		}
	}
}

func (m *Common) put(ctx context.Context, key, value string, until time.Time, life time.Duration) {
	if m == nil {
		return
	}
	plain, err := json.Marshal(commonToken{value, clock.Millis(until)})
	if err != nil {
		return // two plain values
	}
	m.Nodes.Put(ctx, nameOf(key), []byte(m.Sealer.Seal(tokenPurpose(key), plain)), life)
}

// settled lets those go on who wait for a token, whether there is one or not.
func (m *Common) settled(ctx context.Context, key string) {
	if m == nil {
		return
	}
	m.Nodes.Release(context.WithoutCancel(ctx), nameOf(key))
	m.Nodes.Publish(topicToken, nil)
}

// drop takes a dead token away from everybody.
func (m *Common) drop(ctx context.Context, clk clock.Clock, key, value string) {
	if m == nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	if sealed, t, _ := m.read(ctx, clk, key); t.Value == value {
		m.Nodes.Drop(ctx, nameOf(key), sealed)
	}
	m.Nodes.Publish(topicDead, []byte(key+" "+m.Sealer.Seal(tokenPurpose(key), []byte(value))))
}

// Follow drops tokens of which other nodes tell that they are dead, until ctx
// ends. What it misses, WeChat says to this node itself.
func (c *Client) Follow(ctx context.Context) {
	if c.common == nil {
		return
	}
	dead, stop := c.common.Nodes.Subscribe(topicDead, 64)
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case told := <-dead:
			key, sealed, _ := strings.Cut(string(told), " ")
			if value, err := c.common.Sealer.Unseal(tokenPurpose(key), sealed); err == nil {
				c.tokens.drop(key, string(value))
			}
		}
	}
}
