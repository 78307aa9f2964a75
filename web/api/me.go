package api

import (
	"context"
	"net/http"

	"github.com/fanward/fanward/internal/auth"
)

// me is a teammate as it sees itself.
type me struct {
	auth.Teammate
	Permissions []auth.Permission `json:"permissions"`
	CSRFHeader  string            `json:"csrf_header" doc:"Send it as 1 with every request that is not GET"`
	HasPassword bool              `json:"has_password"`
}

func meOf(t auth.Teammate) me {
	return me{t, auth.PermissionsOf(t.Role), CSRFHeader, t.HasPassword}
}

type mePatch struct {
	Name         opt[string] `json:"name,omitempty"`
	Email        opt[string] `json:"email,omitempty"`
	Locale       opt[string] `json:"locale,omitempty" enum:"en,zh-CN"`
	Theme        opt[string] `json:"theme,omitempty" enum:"system,light,dark"`
	Availability opt[string] `json:"availability,omitempty" enum:"available,away"`
}

func (s *Server) addMe() {
	add(s, operation{
		id: "getMe", method: http.MethodGet, path: root + "/me", tag: "session", access: signedIn,
		summary: "Who is signed in", description: "The session's cookie is given out anew, so that it lasts as long as the session.",
	}, func(ctx context.Context, in *Request) (*signedInAnswer, error) {
		a := actingIn(ctx)
		if a.token == "" {
			return nil, errTeammatesOnly
		}
		t, err := s.o.Auth.Teammate(ctx, a.principal.ID)
		if err != nil {
			return nil, err
		}
		return &signedInAnswer{s.cookie(in.request, a.token), meOf(t)}, nil
	})
	add(s, operation{
		id: "updateMe", method: http.MethodPatch, path: root + "/me", tag: "session", access: signedIn, errors: []int{http.StatusConflict},
		summary: "Change one's own profile and settings",
	}, func(ctx context.Context, in *struct {
		Body mePatch `nameHint:"MePatch"`
	}) (*answer[me], error) {
		t, err := s.o.Auth.UpdateMe(ctx, principal(ctx), auth.MePatch{
			Name: in.Body.Name.pointer(), Email: in.Body.Email.pointer(), Locale: in.Body.Locale.pointer(),
			Theme: in.Body.Theme.pointer(), Availability: in.Body.Availability.pointer(),
		})
		return answered(meOf(t), err)
	})
	add(s, operation{
		id: "setPassword", method: http.MethodPut, path: root + "/me/password", tag: "session", access: signedIn, limit: s.limits.signIn, errors: []int{http.StatusConflict},
		summary: "Set one's own password", description: "Ends one's other sessions. The current password is needed when there is one, unless this session was opened by a link a short while ago.",
	}, func(ctx context.Context, in *struct {
		Body struct {
			Password        string `json:"password"`
			CurrentPassword string `json:"current_password,omitempty"`
		} `nameHint:"SetPassword"`
	}) (*nothing, error) {
		a := actingIn(ctx)
		if a.token == "" {
			return nil, errTeammatesOnly
		}
		return nil, s.o.Auth.SetPassword(ctx, a.token, in.Body.Password, in.Body.CurrentPassword)
	})
}
