// Package auth says who is acting and what they may do: teammates, teams,
// roles, sessions, sign-in links, API tokens and the audit trail.
package auth

import (
	"slices"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
)

// Role is what a teammate or token is trusted with.
type Role string

// The roles, from most to least.
const (
	Owner    Role = "owner"
	Admin    Role = "admin"
	Manager  Role = "manager"
	Agent    Role = "agent"
	Marketer Role = "marketer"
	Viewer   Role = "viewer"
)

// Roles lists every role.
var Roles = []Role{Owner, Admin, Manager, Agent, Marketer, Viewer}

// Permission names one thing that a route or a delivery asks for.
type Permission string

// The permissions.
const (
	InboxRead       Permission = "inbox.read"
	InboxReply      Permission = "inbox.reply"
	CustomersRead   Permission = "customers.read"
	CustomersWrite  Permission = "customers.write"
	TeammatesRead   Permission = "teammates.read"
	TeammatesManage Permission = "teammates.manage"
	AccountsManage  Permission = "accounts.manage"
	TokensManage    Permission = "tokens.manage"
	TasksRead       Permission = "tasks.read"
	TasksWrite      Permission = "tasks.write"
	StagesManage    Permission = "stages.manage" // the stages themselves; moving somebody is customers.write
	SegmentsRead    Permission = "segments.read"
	SegmentsManage  Permission = "segments.manage"
	JourneysRead    Permission = "journeys.read"
	JourneysManage  Permission = "journeys.manage"
	TrackingManage  Permission = "tracking.manage" // write keys and the debugger
)

var everything = []Permission{InboxRead, InboxReply, CustomersRead, CustomersWrite, TeammatesRead, TeammatesManage, AccountsManage, TokensManage,
	TasksRead, TasksWrite, StagesManage, SegmentsRead, SegmentsManage, JourneysRead, JourneysManage, TrackingManage}

var granted = map[Role][]Permission{
	Owner: everything,
	Admin: everything,
	Manager: {InboxRead, InboxReply, CustomersRead, CustomersWrite, TeammatesRead, TasksRead, TasksWrite,
		StagesManage, SegmentsRead, SegmentsManage, JourneysRead, JourneysManage},
	Agent:    {InboxRead, InboxReply, CustomersRead, CustomersWrite, TeammatesRead, TasksRead, TasksWrite, SegmentsRead, JourneysRead},
	Marketer: {CustomersRead, CustomersWrite, TeammatesRead, TasksRead, TasksWrite, StagesManage, SegmentsRead, SegmentsManage, JourneysRead, JourneysManage, TrackingManage},
	Viewer:   {InboxRead, CustomersRead, TeammatesRead, TasksRead, SegmentsRead, JourneysRead},
}

// PermissionsOf lists what a role may do.
func PermissionsOf(r Role) []Permission { return slices.Clone(granted[r]) }

// Scope narrows which conversations an agent or viewer sees.
type Scope string

// The scopes.
const (
	// ScopeAll: every conversation of the visible accounts.
	ScopeAll Scope = "all"
	// ScopeTeam: own ones, those of own teams, and those nobody has taken yet.
	ScopeTeam Scope = "team"
	// ScopeAssigned: own ones only.
	ScopeAssigned Scope = "assigned"
)

// Principal is who acts in a request or behind a socket. It is a value of its
// moment: long-lived holders compare RightsVersion and load it again.
type Principal struct {
	// ID of the teammate, or of the token when Token is true.
	ID    ids.ID
	Token bool
	Name  string
	Email string
	Role  Role
	Scope Scope
	// AccountIDs are the visible channel accounts; empty means all.
	AccountIDs    []ids.ID
	TeamIDs       []ids.ID
	RightsVersion int64
}

// Can tells whether the role grants p.
func (p Principal) Can(perm Permission) bool { return slices.Contains(granted[p.Role], perm) }

// Require returns the forbidden error when the role does not grant perm.
func (p Principal) Require(perm Permission) error {
	if p.Can(perm) {
		return nil
	}
	return fault.New(fault.Forbidden, "forbidden", fault.Params{"permission": string(perm)})
}

// SeesEverything tells whether accounts, teams and assignment do not limit
// what this principal sees of the inbox.
func (p Principal) SeesEverything() bool {
	switch p.Role {
	case Owner, Admin, Manager:
		return true
	}
	return false
}

// SeesAccount tells whether a channel account is visible.
func (p Principal) SeesAccount(account ids.ID) bool {
	return p.SeesEverything() || len(p.AccountIDs) == 0 || slices.Contains(p.AccountIDs, account)
}

// Sees tells whether a conversation that stands at account, team and assignee
// (zero = none) is visible. It does not ask for InboxRead.
func (p Principal) Sees(account, team, assignee ids.ID) bool {
	if p.SeesEverything() {
		return true
	}
	return p.SeesAccount(account) && p.inScope(team, assignee)
}

// SeesTask tells whether a task that stands at account (of its conversation),
// team and assignee (zero = none) is visible. It does not ask for TasksRead.
func (p Principal) SeesTask(account, team, assignee ids.ID) bool {
	return p.SeesEverything() || (account == 0 || p.SeesAccount(account)) && p.inScope(team, assignee)
}

func (p Principal) inScope(team, assignee ids.ID) bool {
	mine := assignee != 0 && assignee == p.ID && !p.Token
	switch p.Scope {
	case ScopeAssigned:
		return mine
	case ScopeTeam:
		return mine || team != 0 && slices.Contains(p.TeamIDs, team) || team == 0 && assignee == 0
	default:
		return true
	}
}
