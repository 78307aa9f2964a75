package api

import (
	"context"
	"net/http"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
)

type newTeammate struct {
	Email      string     `json:"email" example:"lin@shop.example"`
	Name       string     `json:"name" example:"Lin"`
	Role       auth.Role  `json:"role" enum:"owner,admin,manager,agent,marketer,viewer"`
	Locale     string     `json:"locale,omitempty" enum:"en,zh-CN" doc:"Absent: the installation's"`
	Scope      auth.Scope `json:"scope,omitempty" enum:"all,team,assigned" default:"all"`
	AccountIDs []ids.ID   `json:"account_ids,omitempty" doc:"Visible channel accounts; empty: all"`
	TeamIDs    []ids.ID   `json:"team_ids,omitempty"`
}

type invitation struct {
	Teammate  auth.Teammate `json:"teammate"`
	InviteURL string        `json:"invite_url" doc:"Signs in once; shown once"`
	ExpiresAt time.Time     `json:"expires_at"`
}

type teammatePatch struct {
	Name       opt[string]     `json:"name,omitempty"`
	Role       opt[auth.Role]  `json:"role,omitempty" enum:"owner,admin,manager,agent,marketer,viewer"`
	Scope      opt[auth.Scope] `json:"scope,omitempty" enum:"all,team,assigned"`
	AccountIDs opt[[]ids.ID]   `json:"account_ids,omitempty"`
	TeamIDs    opt[[]ids.ID]   `json:"team_ids,omitempty"`
	Disabled   opt[bool]       `json:"disabled,omitempty"`
}

type oneTimeLink struct {
	URL       string    `json:"url" doc:"Signs in once; shown once"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (s *Server) addTeammates() {
	path := root + "/teammates"
	add(s, operation{
		id: "listTeammates", method: http.MethodGet, path: path, tag: "teammates", access: signedIn, summary: "Everyone on staff, disabled ones too",
	}, func(ctx context.Context, _ *struct{}) (*answer[items[auth.Teammate]], error) {
		return all(s.o.Auth.Teammates(ctx))
	})
	add(s, operation{
		id: "inviteTeammate", method: http.MethodPost, path: path, tag: "teammates", access: needs(auth.TeammatesManage), status: http.StatusCreated,
		errors: []int{http.StatusConflict}, summary: "Add a teammate and get the link of the first sign-in",
	}, func(ctx context.Context, in *struct{ Body newTeammate }) (*answer[invitation], error) {
		b := in.Body
		t, link, err := s.o.Auth.Invite(ctx, principal(ctx), auth.NewTeammate{
			Email: b.Email, Name: b.Name, Role: b.Role, Locale: b.Locale, Scope: b.Scope, AccountIDs: b.AccountIDs, TeamIDs: b.TeamIDs,
		})
		return answered(invitation{t, SignInLink(s.o.BaseURL(), link.Secret), link.ExpiresAt}, err)
	})
	add(s, operation{
		id: "updateTeammate", method: http.MethodPatch, path: path + "/{id}", tag: "teammates", access: needs(auth.TeammatesManage),
		errors: []int{http.StatusConflict}, summary: "Change somebody's name, role, scope, accounts or teams, or switch the account off",
	}, func(ctx context.Context, in *struct {
		ByID
		Body teammatePatch `nameHint:"TeammatePatch"`
	}) (*answer[auth.Teammate], error) {
		b := in.Body
		return answered(s.o.Auth.UpdateTeammate(ctx, principal(ctx), in.ID.ID, auth.TeammatePatch{
			Name: b.Name.pointer(), Role: b.Role.pointer(), Scope: b.Scope.pointer(), AccountIDs: b.AccountIDs.pointer(), TeamIDs: b.TeamIDs.pointer(), Disabled: b.Disabled.pointer(),
		}))
	})
	add(s, operation{
		id: "newSignInLink", method: http.MethodPost, path: path + "/{id}/link", tag: "teammates", access: needs(auth.TeammatesManage),
		status: http.StatusCreated, errors: []int{http.StatusConflict}, summary: "A new one-time sign-in link; earlier ones end",
	}, func(ctx context.Context, in *ByID) (*answer[oneTimeLink], error) {
		link, err := s.o.Auth.NewLink(ctx, principal(ctx), in.ID.ID)
		return answered(oneTimeLink{SignInLink(s.o.BaseURL(), link.Secret), link.ExpiresAt}, err)
	})
}
