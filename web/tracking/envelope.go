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
	// inherits is how many bytes every call inherits, deep how deeply what it
	// inherits nests there.
	inherits, deep int
	imported       bool
	received       time.Time
	ip, agent      string // of a browser
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
		Context      json.RawMessage `json:"context"`
		Integrations json.RawMessage `json:"integrations"`
		SentAt       json.RawMessage `json:"sentAt"`
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
	return env, env.inherit(len(body), batch.Context, batch.Integrations, batch.SentAt)
}

// inherit reads what a batch says of all its calls, and measures it once: it is
// stored with each of them and counts as if each had said it. A small body could
// otherwise fill a disk.
func (env *envelope) inherit(body int, context, integrations, sent json.RawMessage) error {
	if env.inherits = len(context) + len(integrations) + len(sent); env.inherits > MaxCall {
		return nil // it makes every call too large
	}
	if body+env.inherits*len(env.raw) > MaxBatch {
		return fault.New(fault.Malformed, "batch_too_large", fault.Params{"max": MaxBatch})
	}
	var about any
	for _, part := range []struct {
		raw json.RawMessage
		to  *any
	}{{context, &about}, {integrations, &env.integrations}, {sent, &env.sent}} {
		if part.raw == nil {
			continue
		}
		if err := readJSON(part.raw, part.to); err != nil {
			return err
		}
		env.deep = max(env.deep, depth(*part.to)+1)
	}
	env.context, _ = about.(map[string]any)
	return nil
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
