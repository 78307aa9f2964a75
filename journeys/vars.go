package journeys

import (
	"maps"
	"strings"
	"time"

	"github.com/fanward/fanward/internal/fault"
)

// variables are what a template can name; an attribute never hides what the
// house itself knows of a person.
func variables(p *Person, event map[string]any, journey string, now time.Time) map[string]any {
	customer := maps.Clone(p.Attributes)
	if customer == nil {
		customer = map[string]any{}
	}
	maps.Copy(customer, map[string]any{
		"id": p.ID.String(), "name": p.Name, "label": p.Label, "locale": p.Locale, "timezone": p.Timezone, "stage": p.Stage, "tags": p.Tags, "attributes": p.Attributes,
	})
	return map[string]any{"customer": customer, "event": event, "journey": map[string]any{"name": journey}, "now": now}
}

func codeOf(err error) string { return fault.CodeOf(err) }

func blank(s string) bool { return strings.TrimSpace(s) == "" }
