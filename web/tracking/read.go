package tracking

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/text"
)

const (
	maxDepth     = 10
	maxID        = 255
	maxEventName = 200
)

// placeholders are what defects of a site send in the place of an id. Whoever
// believed them would make one person of all its customers.
var placeholders = []string{"undefined", "null", "nil", "none", "nan", "anonymous", "guest", "unknown", "true", "false", "0", "-1", "[object object]", "not set"}

// reader reads one call.
type reader struct {
	env  *envelope
	size int // in bytes, as it was sent
	item map[string]any
	c    customers.Call
}

// read reads one call; one that cannot be stored says why.
func (env *envelope) read(raw json.RawMessage) customers.Call {
	r := &reader{env: env, size: len(raw), c: customers.Call{Type: env.kind, Imported: env.imported, Body: string(raw), At: env.received}}
	if len(raw) > MaxCall {
		r.c.Body = ""
		r.refuse("", "call_too_large", fault.Params{"max": MaxCall})
		r.mint()
		return r.c
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&r.item); err != nil || r.item == nil {
		r.refuse("", "call_no_object", nil)
		r.mint()
		return r.c
	}
	if _, there := r.item["writeKey"]; there {
		r.redact()
	}
	r.fields()
	return r.c
}

func (r *reader) refuse(field, code string, params fault.Params) {
	r.c.Refused = true
	r.c.Reasons = append(r.c.Reasons, fault.Field{Field: field, Code: code, Params: params})
}

func (r *reader) adjust(field, code string, params fault.Params) {
	r.c.Reasons = append(r.c.Reasons, fault.Field{Field: field, Code: code, Params: params})
}

// mint names a call that has no name: each such call is another one.
func (r *reader) mint() {
	if r.c.MessageID == "" {
		r.c.MessageID = "fanward-" + rand.Text()
	}
}

// redact keeps keys out of what is shown.
func (r *reader) redact() {
	delete(r.item, "writeKey")
	if clean, err := json.Marshal(r.item); err == nil {
		r.c.Body = string(clean)
	}
}

func (r *reader) fields() {
	if r.env.kind == batchCall || r.env.kind == importCall {
		r.c.Type = strings.ToLower(r.word("type"))
	}
	r.c.MessageID = r.scalar("messageId")
	r.mint()
	if r.size+r.env.inherits > MaxCall {
		r.refuse("", "call_too_large", fault.Params{"max": MaxCall})
		return
	}
	if max(depth(r.item), r.env.deep) > maxDepth {
		r.refuse("", "call_too_deep", fault.Params{"max": maxDepth})
		return
	}
	r.c.UserID, r.c.AnonymousID = r.id("userId"), r.id("anonymousId")
	context := under(r.env.context, r.object("context"))
	r.c.Traits = r.traits(context)
	switch r.c.Type {
	case customers.CallTrack:
		r.track()
	case customers.CallPage, customers.CallScreen:
		r.view(context)
	case customers.CallGroup:
		r.group()
	case customers.CallIdentify:
	case customers.CallAlias:
		if r.c.PreviousID = r.id("previousId"); r.c.PreviousID == "" && !r.c.Refused {
			r.refuse("previousId", "required", nil)
		}
	default:
		r.refuse("type", "not_one_of", fault.Params{"allowed": "identify, track, page, screen, group, alias"})
		r.c.Type = text.Preview(r.c.Type, 40)
	}
	if r.c.UserID == "" && (r.c.AnonymousID == "" || r.c.Type == customers.CallAlias) && !r.c.Refused {
		r.refuse("userId", "call_nobody", nil)
	}
	r.time()
	r.place(context)
	r.keep(context)
}

// traits are those of identify; some programs send them in the context only.
func (r *reader) traits(context map[string]any) map[string]any {
	below, _ := context["traits"].(map[string]any)
	if r.c.Type != customers.CallIdentify {
		return nil
	}
	return under(below, r.object("traits"))
}

func (r *reader) track() {
	name := text.CleanLine(r.word("event"))
	switch {
	case name == "":
		r.refuse("event", "required", nil)
	case text.Length(name) > maxEventName:
		r.refuse("event", "too_long", fault.Params{"max": maxEventName})
	case customers.ReservedEvent(name):
		r.refuse("event", "event_reserved", fault.Params{"event": name})
	}
	r.c.Event, r.c.Properties = text.Preview(name, maxEventName), r.object("properties")
}

// view is a page or a screen; a page says in its context where it is.
func (r *reader) view(context map[string]any) {
	own := r.object("properties")
	r.c.Event, r.c.Properties = customers.EventScreenViewed, map[string]any{}
	if r.c.Type == customers.CallPage {
		r.c.Event = customers.EventPageViewed
		page, _ := context["page"].(map[string]any)
		for _, k := range []string{"url", "title", "path", "referrer", "search"} {
			if v, there := page[k]; there && v != "" {
				r.c.Properties[k] = v
			}
		}
	}
	for _, k := range []string{"name", "category"} {
		if v := r.word(k); v != "" {
			r.c.Properties[k] = v
		}
	}
	for k, v := range own {
		r.c.Properties[k] = v
	}
}

func (r *reader) group() {
	id := r.id("groupId")
	if id == "" && !r.c.Refused {
		r.refuse("groupId", "required", nil)
	}
	r.c.Event, r.c.Properties = customers.EventGroupJoined, map[string]any{"group_id": id}
	if traits := r.object("traits"); len(traits) > 0 {
		r.c.Properties["traits"] = traits
	}
}

// place is where somebody is, as the context tells.
func (r *reader) place(context map[string]any) {
	r.c.Locale, _ = context["locale"].(string)
	if zone, _ := context["timezone"].(string); len(zone) <= maxID && customers.ValidZone(zone) {
		r.c.Timezone = zone
	}
}

// keep is what stays beside the event.
func (r *reader) keep(context map[string]any) {
	about := map[string]any{}
	for k, v := range context {
		if k != "traits" {
			about[k] = v
		}
	}
	if r.env.ip != "" {
		about["ip"] = r.env.ip
		if about["userAgent"] == nil && r.env.agent != "" {
			about["userAgent"] = text.Preview(r.env.agent, 500)
		}
	}
	r.c.Context = map[string]any{"message_id": r.c.MessageID}
	if len(about) > 0 {
		r.c.Context["context"] = about
	}
	for to, from := range map[string]string{"sent_at": "sentAt", "original_timestamp": "originalTimestamp", "timestamp": "timestamp", "integrations": "integrations", "user_id": "userId", "anonymous_id": "anonymousId"} {
		if v := r.item[from]; v != nil {
			r.c.Context[to] = v
		}
	}
	if r.env.sent != nil && r.c.Context["sent_at"] == nil {
		r.c.Context["sent_at"] = r.env.sent
	}
	if r.env.integrations != nil && r.c.Context["integrations"] == nil {
		r.c.Context["integrations"] = r.env.integrations
	}
}

// word is a field that is a text.
func (r *reader) word(field string) string {
	s, ok := r.item[field].(string)
	if v := r.item[field]; !ok && v != nil {
		r.refuse(field, "wrong_type", fault.Params{"expected": "string"})
	}
	return s
}

// scalar is a field that is a text or a number.
func (r *reader) scalar(field string) string {
	switch v := r.item[field].(type) {
	case nil:
	case string:
		return v
	case json.Number:
		return v.String()
	default:
		r.refuse(field, "wrong_type", fault.Params{"expected": "string"})
	}
	return ""
}

// id is a field that names somebody. What stands there for nobody is left out.
func (r *reader) id(field string) string {
	v := strings.TrimSpace(r.scalar(field))
	switch {
	case v == "":
		return ""
	case text.CleanLine(v) != v || text.Length(v) > maxID:
		r.refuse(field, "call_id_invalid", fault.Params{"max": maxID})
		return ""
	case slices.Contains(placeholders, strings.ToLower(v)):
		r.adjust(field, "call_id_placeholder", fault.Params{"value": v})
		return ""
	}
	return v
}

// object is a field that is an object.
func (r *reader) object(field string) map[string]any {
	o, ok := r.item[field].(map[string]any)
	if v := r.item[field]; !ok && v != nil {
		r.refuse(field, "wrong_type", fault.Params{"expected": "object"})
	}
	return o
}

// depth is how deeply a value is nested; a scalar counts 0.
func depth(v any) (d int) {
	switch v := v.(type) {
	case map[string]any:
		for _, below := range v {
			d = max(d, depth(below))
		}
		return d + 1
	case []any:
		for _, below := range v {
			d = max(d, depth(below))
		}
		return d + 1
	}
	return 0
}
