package tracking

import (
	"bytes"
	"encoding/json"
	"maps"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
)

// envelope is what a request says of all its calls.
type envelope struct {
	WriteKey     string
	kind         string
	raw          []json.RawMessage
	context      map[string]any
	integrations any
	sent         any
	imported     bool
	received     time.Time
	ip, agent    string // of a browser
}

// openEnvelope splits a body into its calls. It fails only when the body as a
// whole cannot be read.
func openEnvelope(body []byte, kind string) (*envelope, error) {
	env := &envelope{kind: kind, imported: kind == importCall}
	if kind != batchCall && kind != importCall {
		var single struct {
			WriteKey any `json:"writeKey"`
		}
		if err := readJSON(body, &single); err != nil {
			return nil, err
		}
		env.WriteKey, _ = single.WriteKey.(string)
		env.raw = []json.RawMessage{body}
		return env, nil
	}
	var batch struct {
		Batch        json.RawMessage `json:"batch"`
		WriteKey     any             `json:"writeKey"`
		Context      any             `json:"context"`
		Integrations any             `json:"integrations"`
		SentAt       any             `json:"sentAt"`
	}
	if err := readJSON(body, &batch); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(batch.Batch, &env.raw); err != nil || env.raw == nil {
		return nil, &fault.Error{Kind: fault.Malformed, Code: "batch_missing", Fields: []fault.Field{{Field: "batch", Code: "batch_missing"}}}
	}
	if len(env.raw) > MaxCalls {
		return nil, fault.New(fault.Malformed, "too_many", fault.Params{"max": MaxCalls})
	}
	env.WriteKey, _ = batch.WriteKey.(string)
	env.context, _ = batch.Context.(map[string]any)
	env.integrations, env.sent = batch.Integrations, batch.SentAt
	return env, nil
}

// readJSON reads one object and nothing behind it; numbers stay as written.
func readJSON(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return fault.Wrap(err, fault.Malformed, "body_malformed", nil)
	}
	if d.More() {
		return fault.New(fault.Malformed, "body_malformed", nil)
	}
	return nil
}

// calls reads every call of the envelope.
func (env *envelope) calls() []customers.Call {
	out := make([]customers.Call, len(env.raw))
	for i, raw := range env.raw {
		out[i] = env.read(raw)
	}
	return out
}

// under merges what a batch says of all below what a call says itself.
func under(batch, own map[string]any) map[string]any {
	if len(batch) == 0 {
		return own
	}
	out := maps.Clone(batch)
	for k, v := range own {
		below, ok := v.(map[string]any)
		if all, both := out[k].(map[string]any); ok && both {
			v = under(all, below)
		}
		out[k] = v
	}
	return out
}
