package api

import (
	"context"
	"net/http"

	"github.com/fanward/fanward/internal/auth"
)

type newToken struct {
	Name string    `json:"name" example:"Data warehouse"`
	Role auth.Role `json:"role" enum:"owner,admin,manager,agent,marketer,viewer"`
}

type createdToken struct {
	Token  auth.Token `json:"token"`
	Secret string     `json:"secret" doc:"The bearer token; shown once"`
}

func (s *Server) addTokens() {
	path := root + "/tokens"
	add(s, operation{
		id: "listTokens", method: http.MethodGet, path: path, tag: "tokens", access: needs(auth.TokensManage), summary: "Tokens that work, without their secrets",
	}, func(ctx context.Context, _ *struct{}) (*answer[items[auth.Token]], error) {
		return all(s.o.Auth.Tokens(ctx))
	})
	add(s, operation{
		id: "createToken", method: http.MethodPost, path: path, tag: "tokens", access: needs(auth.TokensManage), status: http.StatusCreated,
		summary: "Make a token for a program",
	}, func(ctx context.Context, in *struct{ Body newToken }) (*answer[createdToken], error) {
		t, secret, err := s.o.Auth.CreateToken(ctx, principal(ctx), in.Body.Name, in.Body.Role)
		return answered(createdToken{t, secret}, err)
	})
	add(s, operation{
		id: "revokeToken", method: http.MethodDelete, path: path + "/{id}", tag: "tokens", access: needs(auth.TokensManage), summary: "End a token at once",
	}, func(ctx context.Context, in *ByID) (*nothing, error) {
		return nil, s.o.Auth.RevokeToken(ctx, principal(ctx), in.ID.ID)
	})
}
