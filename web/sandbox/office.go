package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const maxOrder = 64 << 10

// office is the shop's own server: it tells the hub what its customers do, with
// the secret key and under their user id, as an SDK would.
type office struct{ hub, key string }

// order takes the order of the customer who is signed in.
func (o office) order(w http.ResponseWriter, r *http.Request) {
	var properties map[string]any
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxOrder)).Decode(&properties); err != nil {
		writeJSON(w, http.StatusBadRequest, "application/problem+json", map[string]any{
			"type": "about:blank", "title": http.StatusText(http.StatusBadRequest), "status": http.StatusBadRequest, "code": "body_malformed", "detail": "An order is one JSON object.",
		})
		return
	}
	err := o.tell(r.Context(), "track", map[string]any{"userId": ming(nil).UserID, "event": "Order Completed", "properties": properties})
	if err != nil {
		writeJSON(w, http.StatusBadGateway, "application/problem+json", map[string]any{
			"type": "about:blank", "title": http.StatusText(http.StatusBadGateway), "status": http.StatusBadGateway, "code": "hub_failed", "detail": "The hub has not stored the order. " + err.Error(),
		})
		return
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]any{"ordered": true})
}

// signedIn tells the hub whose browser this is. Signing in does not wait for the
// hub to be there: the next sign-in tells it again.
func (o office) signedIn(r *http.Request, who shopper) {
	var browser struct {
		AnonymousID string `json:"anonymous_id"`
	}
	if o.key == "" || json.NewDecoder(io.LimitReader(r.Body, maxOrder)).Decode(&browser) != nil || browser.AnonymousID == "" {
		return
	}
	_ = o.tell(r.Context(), "identify", map[string]any{"userId": who.UserID, "anonymousId": browser.AnonymousID, "traits": map[string]any{"name": who.Name, "email": who.Email}})
}

// tell makes one tracking call.
func (o office) tell(ctx context.Context, kind string, call map[string]any) error {
	if o.key == "" {
		return errors.New("the shop has no write key")
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	body, err := json.Marshal(call)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.hub+"/v1/"+kind, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.SetBasicAuth(o.key, "")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Strict-Mode", "1")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers with status %d", response.StatusCode)
	}
	return nil
}
