package tracking

import (
	"net/http"
	"strings"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
)

// ServeSettings answers the browser SDK, which asks before it begins where its
// calls go: to us, and nowhere else.
func (h *Handler) ServeSettings(w http.ResponseWriter, r *http.Request, given string) {
	allow(w.Header())
	key, err := h.o.Customers.WriteKeyBy(r.Context(), given)
	switch {
	case fault.CodeOf(err) == "unknown_write_key", err == nil && key.Kind != customers.BrowserKey:
		err = fault.Missing("write_key")
	case err == nil && key.Sandbox:
		err = h.o.Local(r)
	}
	if err != nil {
		h.o.Problems.Write(w, r, err)
		return
	}
	scheme, host, _ := strings.Cut(h.o.Origin(r), "://")
	everything := map[string]any{"__default": map[string]any{"enabled": true, "integrations": map[string]any{}}}
	w.Header().Set("Cache-Control", "public, max-age=60")
	answer(w, http.StatusOK, map[string]any{
		"integrations": map[string]any{"Segment.io": map[string]any{
			"apiKey": given, "apiHost": host + "/v1", "protocol": scheme, "unbundledIntegrations": []string{}, "addBundledMetadata": false,
			"versionSettings": map[string]any{"version": "4.4.7", "componentTypes": []string{"browser"}},
		}},
		"plan":                      map[string]any{"track": everything, "identify": everything, "group": everything},
		"edgeFunction":              map[string]any{},
		"metrics":                   map[string]any{"sampleRate": 0},
		"remotePlugins":             []any{},
		"legacyVideoPluginsEnabled": false, "analyticsNextEnabled": true,
		"middlewareSettings": map[string]any{}, "enabledMiddleware": map[string]any{},
	})
}
