package api

import (
	"context"
	"net/http"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
)

type newTeam struct {
	Name      string   `json:"name" example:"Returns"`
	MemberIDs []ids.ID `json:"member_ids,omitempty"`
}

type teamPatch struct {
	Name      opt[string]   `json:"name,omitempty"`
	MemberIDs opt[[]ids.ID] `json:"member_ids,omitempty"`
}

func (s *Server) addTeams() {
	path := root + "/teams"
	add(s, operation{
		id: "listTeams", method: http.MethodGet, path: path, tag: "teammates", access: signedIn, summary: "Every team with its members",
	}, func(ctx context.Context, _ *struct{}) (*answer[items[auth.Team]], error) {
		return all(s.o.Auth.Teams(ctx))
	})
	add(s, operation{
		id: "createTeam", method: http.MethodPost, path: path, tag: "teammates", access: needs(auth.TeammatesManage), status: http.StatusCreated,
		errors: []int{http.StatusConflict}, summary: "Make a team",
	}, func(ctx context.Context, in *struct{ Body newTeam }) (*answer[auth.Team], error) {
		return answered(s.o.Auth.CreateTeam(ctx, principal(ctx), in.Body.Name, in.Body.MemberIDs))
	})
	add(s, operation{
		id: "updateTeam", method: http.MethodPatch, path: path + "/{id}", tag: "teammates", access: needs(auth.TeammatesManage),
		errors: []int{http.StatusConflict}, summary: "Rename a team or change its members",
	}, func(ctx context.Context, in *struct {
		ByID
		Body teamPatch `nameHint:"TeamPatch"`
	}) (*answer[auth.Team], error) {
		return answered(s.o.Auth.UpdateTeam(ctx, principal(ctx), in.ID.ID, auth.TeamPatch{Name: in.Body.Name.pointer(), MemberIDs: in.Body.MemberIDs.pointer()}))
	})
	add(s, operation{
		id: "deleteTeam", method: http.MethodDelete, path: path + "/{id}", tag: "teammates", access: needs(auth.TeammatesManage),
		summary: "Delete a team; its conversations stay without one",
	}, func(ctx context.Context, in *ByID) (*nothing, error) {
		return nil, s.o.Auth.DeleteTeam(ctx, principal(ctx), in.ID.ID)
	})
}
