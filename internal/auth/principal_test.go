package auth_test

import (
	"os"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
)

func TestPermissionsOfRoles(t *testing.T) {
	every := []auth.Permission{auth.InboxRead, auth.InboxReply, auth.CustomersRead, auth.CustomersWrite, auth.TeammatesRead, auth.TeammatesManage, auth.AccountsManage, auth.TokensManage}
	want := map[auth.Role]string{ // one letter a permission, in the order above
		auth.Owner: "yyyyyyyy", auth.Admin: "yyyyyyyy", auth.Manager: "yyyyy---", auth.Agent: "yyyyy---", auth.Marketer: "--yyy---", auth.Viewer: "y-y-y---", "king": "--------",
	}
	for role, letters := range want {
		p := auth.Principal{Role: role}
		for i, perm := range every {
			allowed := letters[i] == 'y'
			if p.Can(perm) != allowed {
				t.Errorf("%s %s: %v", role, perm, p.Can(perm))
			}
			if err := p.Require(perm); (err == nil) != allowed || err != nil && fault.KindOf(err) != fault.Forbidden {
				t.Errorf("%s require %s: %v", role, perm, err)
			}
		}
	}
}

// TestPermissionsInTheDocument: docs/protocol.md says of every role what it may
// do, and no more.
func TestPermissionsInTheDocument(t *testing.T) {
	raw, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(raw), "| role | permissions |\n|---|---|\n")
	if !found {
		t.Fatal("the table is not there")
	}
	said := map[auth.Role]string{}
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 4 {
			break
		}
		for _, role := range strings.Split(cells[1], ",") {
			said[auth.Role(strings.TrimSpace(role))] = strings.TrimSpace(cells[2])
		}
	}
	all := auth.PermissionsOf(auth.Owner)
	for _, role := range auth.Roles {
		var want []string
		for _, p := range auth.PermissionsOf(role) {
			want = append(want, "`"+string(p)+"`")
		}
		line := strings.Join(want, ", ")
		if len(want) == len(all) {
			line = "everything"
		}
		if said[role] != line {
			t.Errorf("%s may do %s; the document says %q", role, line, said[role])
		}
	}
}

func TestSees(t *testing.T) {
	const me, somebody, mine, other, shop, blog = ids.ID(1), ids.ID(2), ids.ID(10), ids.ID(11), ids.ID(20), ids.ID(21)
	places := []struct {
		name                    string
		account, team, assignee ids.ID
	}{
		{"mine", shop, 0, me}, {"mine in another team", shop, other, me}, {"my team's", shop, mine, 0}, {"a colleague's in my team", shop, mine, somebody},
		{"nobody's", shop, 0, 0}, {"somebody's", shop, 0, somebody}, {"another team's", shop, other, 0}, {"mine on another account", blog, mine, me},
	}
	cases := []struct {
		name string
		p    auth.Principal
		want string // one letter a place
	}{
		{"agent, all", auth.Principal{ID: me, Role: auth.Agent, Scope: auth.ScopeAll}, "yyyyyyyy"},
		{"agent, all of one account", auth.Principal{ID: me, Role: auth.Agent, Scope: auth.ScopeAll, AccountIDs: []ids.ID{shop}}, "yyyyyyy-"},
		{"agent, team", auth.Principal{ID: me, Role: auth.Agent, Scope: auth.ScopeTeam, TeamIDs: []ids.ID{mine}}, "yyyyy--y"},
		{"agent, team, without teams", auth.Principal{ID: me, Role: auth.Agent, Scope: auth.ScopeTeam}, "yy--y--y"},
		{"agent, assigned", auth.Principal{ID: me, Role: auth.Agent, Scope: auth.ScopeAssigned, TeamIDs: []ids.ID{mine}}, "yy-----y"},
		{"viewer, assigned, one account", auth.Principal{ID: me, Role: auth.Viewer, Scope: auth.ScopeAssigned, AccountIDs: []ids.ID{shop}}, "yy------"},
		{"manager, whatever the scope", auth.Principal{ID: me, Role: auth.Manager, Scope: auth.ScopeAssigned, AccountIDs: []ids.ID{shop}}, "yyyyyyyy"},
		{"owner", auth.Principal{ID: me, Role: auth.Owner}, "yyyyyyyy"},
		{"a token is nobody's assignee", auth.Principal{ID: me, Token: true, Role: auth.Agent, Scope: auth.ScopeAssigned}, "--------"},
		{"a token that sees all", auth.Principal{ID: 99, Token: true, Role: auth.Viewer, Scope: auth.ScopeAll}, "yyyyyyyy"},
	}
	for _, c := range cases {
		for i, pl := range places {
			if got := c.p.Sees(pl.account, pl.team, pl.assignee); got != (c.want[i] == 'y') {
				t.Errorf("%s: %s: %v", c.name, pl.name, got)
			}
		}
	}
}
