package api_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/api"
)

// known are all the things that a route may ask of its caller.
func known() []string {
	out := []string{"public", "signed_in", "visitor", "provider", "operator", "write_key"}
	for _, p := range auth.PermissionsOf(auth.Owner) {
		out = append(out, string(p))
	}
	return out
}

// TestEveryRouteIsDeclared: a route that says nothing of who may call it is a
// defect, whether the document describes it or not.
func TestEveryRouteIsDeclared(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	declared := h.server.OtherRoutes()
	braces := strings.NewReplacer("{", ":", "}", "")
	for _, op := range h.server.Operations() {
		declared[op.Method+" "+braces.Replace(op.Path)] = op.Access
		if op.ID == "" || strings.ContainsAny(op.ID, "-_ ") {
			t.Errorf("%s %s: operation id %q", op.Method, op.Path, op.ID)
		}
	}
	for _, route := range h.server.EngineRoutes() {
		if !slices.Contains(known(), declared[route]) {
			t.Errorf("%s declares %q", route, declared[route])
		}
	}
	open := []string{}
	for route, access := range declared {
		if access == "public" {
			open = append(open, route)
		}
	}
	slices.Sort(open)
	want := []string{
		"GET /api/openapi.json", "GET /api/v1/files/:token", "GET /api/v1/mail/:token", "GET /api/v1/setup", "GET /healthz", "GET /readyz", "GET /widget.js",
		"POST /api/v1/session", "POST /api/v1/session/link",
	}
	if !slices.Equal(open, want) {
		t.Errorf("open to everybody:\n%s\nwant:\n%s", strings.Join(open, "\n"), strings.Join(want, "\n"))
	}
}

// promised is docs/protocol.md: who may call what.
var promised = map[string]string{
	"getSetup": "public", "signIn": "public", "signInByLink": "public", "signOut": "signed_in", "getMe": "signed_in", "updateMe": "signed_in", "setPassword": "signed_in",
	"listTeammates": "signed_in", "inviteTeammate": "teammates.manage", "updateTeammate": "teammates.manage", "newSignInLink": "teammates.manage",
	"listTeams": "signed_in", "createTeam": "teammates.manage", "updateTeam": "teammates.manage", "deleteTeam": "teammates.manage",
	"listAccounts": "signed_in", "createAccount": "accounts.manage", "updateAccount": "accounts.manage", "disableAccount": "accounts.manage", "newIdentitySecret": "accounts.manage",
	"listConversations": "inbox.read", "countConversations": "inbox.read", "getConversation": "inbox.read", "updateConversation": "inbox.reply",
	"listMessages": "inbox.read", "createMessage": "inbox.reply", "markConversationRead": "inbox.read", "getDraft": "inbox.reply", "saveDraft": "inbox.reply", "deleteDraft": "inbox.reply",
	"listTasks": "tasks.read", "createTask": "tasks.write", "getTask": "tasks.read", "updateTask": "tasks.write", "completeTask": "tasks.write", "cancelTask": "tasks.write", "reopenTask": "tasks.write",
	"getSending": "journeys.read", "setSending": "journeys.manage", "dismissDelivery": "inbox.reply",
	"retryDelivery": "inbox.reply", "listDeliveries": "inbox.read", "checkAccount": "accounts.manage", "listInbound": "accounts.manage", "retryInbound": "accounts.manage", "liftSuppression": "customers.write",
	"listCustomers": "customers.read", "getCustomer": "customers.read", "updateCustomer": "customers.write",
	"previewMerge": "customers.read", "mergeCustomers": "customers.write", "undoMerge": "customers.write", "listMerges": "customers.read", "listContradictions": "customers.read",
	"listConsents": "customers.read", "setConsent": "customers.write", "listTimeline": "customers.read", "bindVisitor": "visitor",
	"listIdentities": "customers.read", "listCustomerEvents": "customers.read", "listEvents": "customers.read", "uploadFile": "inbox.reply",
	"listStages": "customers.read", "createStage": "stages.manage", "updateStage": "stages.manage", "deleteStage": "stages.manage", "orderStages": "stages.manage", "getStageMovement": "customers.read",
	"moveCustomer": "customers.write", "listStageChanges": "customers.read", "listTags": "customers.read", "changeTags": "customers.write",
	"listSegments": "segments.read", "createSegment": "segments.manage", "getSegment": "segments.read", "updateSegment": "segments.manage", "deleteSegment": "segments.manage",
	"rebuildSegment": "segments.manage", "listSegmentMembers": "segments.read", "listSegmentChanges": "segments.read", "listCustomerSegments": "segments.read",
	"listJourneys": "journeys.read", "listJourneyTemplates": "journeys.read", "createJourney": "journeys.manage", "getJourney": "journeys.read", "saveJourney": "journeys.manage", "deleteJourney": "journeys.manage",
	"checkJourney": "journeys.read", "publishJourney": "journeys.manage", "pauseJourney": "journeys.manage", "resumeJourney": "journeys.manage", "stopJourney": "journeys.manage",
	"listJourneyNodes": "journeys.read", "listEnrollments": "journeys.read", "getEnrollment": "journeys.read", "explainJourney": "journeys.read", "tryJourney": "journeys.manage", "previewMessage": "journeys.read",
	"previewSegment": "segments.read", "explainMember": "segments.read", "explainRule": "segments.read",
	"listWriteKeys": "tracking.manage", "createWriteKey": "tracking.manage", "revokeWriteKey": "tracking.manage", "listTrackingCalls": "tracking.manage", "listEventNames": "customers.read", "listAttributeNames": "customers.read",
	"listTokens": "tokens.manage", "createToken": "tokens.manage", "revokeToken": "tokens.manage",
	"openVisitorSession": "visitor", "listVisitorMessages": "visitor", "createVisitorMessage": "visitor", "uploadVisitorFile": "visitor",
}

func TestOperationsAskWhatIsPromised(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	got := map[string]string{}
	for _, op := range h.server.Operations() {
		got[op.ID] = op.Access
	}
	if !maps.Equal(got, promised) {
		t.Errorf("the document says %v\nthe protocol says %v", got, promised)
	}
}

// TestPermissions calls every operation as every role, as nobody, with an
// invalid session, and without proof that our own page asked.
func TestPermissions(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	for _, op := range h.server.Operations() {
		if op.Access == "public" || op.Access == "visitor" {
			continue
		}
		t.Run(op.ID, func(t *testing.T) {
			h.t = t
			c := call{method: op.Method, path: strings.NewReplacer("{id}", "4", "{key}", "fan", "{customer_id}", "5").Replace(op.Path)}
			if op.HasBody {
				c.body = `{}`
			}
			h.refused(c, 401, "not_signed_in")
			c.header = map[string]string{"Cookie": api.SessionCookie + "=nonsense"}
			h.refused(c, 401, "not_signed_in")
			c.header = map[string]string{"Authorization": "Bearer nonsense"}
			h.refused(c, 401, "not_signed_in")
			c.header = map[string]string{"Authorization": "Basic bWU6bWU="}
			h.refused(c, 401, "not_signed_in")
			c.header = nil
			for _, role := range auth.Roles {
				if op.ID == "signOut" {
					continue // would end what the others need
				}
				c.as = string(role)
				may := op.Access == "signed_in" || slices.Contains(auth.PermissionsOf(role), auth.Permission(op.Access))
				w := h.do(c)
				if refused := w.Code == 403 && strings.Contains(w.Body.String(), `"code":"forbidden"`); refused == may || w.Code == 401 {
					t.Errorf("%s: %d %s", role, w.Code, w.Body)
				}
			}
			if op.Method == "GET" {
				return
			}
			c.as = "owner"
			for _, header := range []map[string]string{
				{api.CSRFHeader: ""}, {api.CSRFHeader: "0"}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"},
			} {
				c.header = header
				h.refused(c, 403, "csrf_refused")
			}
		})
	}
}

func (h *house) refused(c call, status int, code string) {
	h.t.Helper()
	if w := h.do(c); w.Code != status || !strings.Contains(w.Body.String(), `"code":"`+code+`"`) {
		h.t.Errorf("%s %s %v: %d %s, want %d %s", c.method, c.path, c.header, w.Code, w.Body, status, code)
	}
}

// TestSight: what somebody may not see does not exist for them, in lists,
// counts, threads and for every change.
func TestSight(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		h := build(t, db)
		team := h.json(call{method: "POST", path: "/api/v1/teams", as: "owner", body: `{"name":"Returns"}`})["id"].(string)
		other := h.json(call{method: "POST", path: "/api/v1/accounts", as: "owner", body: `{"channel":"webchat","name":"Other"}`})["id"].(string)
		mine := h.hire("mine", auth.NewTeammate{Role: auth.Agent, Scope: auth.ScopeAssigned})
		h.hire("elsewhere", auth.NewTeammate{Role: auth.Agent, AccountIDs: idsOf(t, other)})
		h.hire("teamed", auth.NewTeammate{Role: auth.Agent, Scope: auth.ScopeTeam})
		h.hire("member", auth.NewTeammate{Role: auth.Agent, Scope: auth.ScopeTeam, TeamIDs: idsOf(t, team)})
		id := h.write(h.visit(), "k", "hello")
		see := func(name string, want bool) {
			t.Helper()
			h.sight(name, id, want)
		}
		see("mine", false)
		see("elsewhere", false)
		see("teamed", true) // nobody has taken it yet
		see("member", true)
		h.json(call{method: "PATCH", path: "/api/v1/conversations/" + id, as: "owner", body: `{"team_id":"` + team + `"}`})
		see("teamed", false)
		see("member", true)
		h.json(call{method: "PATCH", path: "/api/v1/conversations/" + id, as: "owner", body: `{"assignee_id":"` + mine.ID.String() + `","team_id":null}`})
		see("mine", true)
		see("teamed", false)
		see("member", false)
		see("viewer", true)
	})
}

// sight asks for a conversation in every way.
func (h *house) sight(name, id string, want bool) {
	h.t.Helper()
	if got := strings.Contains(h.do(call{method: "GET", path: "/api/v1/conversations?status=all", as: name}).Body.String(), `"id":"`+id+`"`); got != want {
		h.t.Errorf("%s: listed %v", name, got)
	}
	if got := h.json(call{method: "GET", path: "/api/v1/conversations/counts", as: name})["all"].(float64) == 1; got != want {
		h.t.Errorf("%s: counted %v", name, got)
	}
	one := "/api/v1/conversations/" + id
	calls := []call{{method: "GET", path: one}, {method: "GET", path: one + "/messages"}}
	if !want { // changes are only tried where they must fail
		calls = append(calls, call{method: "GET", path: one + "/draft"}, call{method: "PUT", path: one + "/draft", body: `{"kind":"text","body":"x"}`},
			call{method: "DELETE", path: one + "/draft"}, call{method: "POST", path: one + "/read", body: `{"seq":1}`},
			call{method: "POST", path: one + "/messages", body: `{"client_key":"x","body":"x"}`}, call{method: "PATCH", path: one, body: `{"status":"resolved"}`})
	}
	for _, c := range calls {
		c.as = name
		if w := h.do(c); (w.Code == 200) != want || !want && w.Code != 404 {
			h.t.Errorf("%s %s %s: %d %s", name, c.method, c.path, w.Code, w.Body)
		}
	}
}
