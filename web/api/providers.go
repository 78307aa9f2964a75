package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/wechat"
	"github.com/fanward/fanward/internal/fault"
)

// provider: whoever can sign as the channel's provider; the channel checks.
const provider access = "provider"

const wechatRoute = "/channels/wechat/:key"

func (s *Server) addProviders() {
	if s.o.WechatPush == nil {
		return
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		s.guarded(method, wechatRoute, provider, s.wechatPush)
	}
}

// wechatPush hands what WeChat asks and pushes to the channel.
func (s *Server) wechatPush(c *gin.Context) {
	account, err := s.o.Accounts.ByKey(c.Request.Context(), c.Param("key"))
	switch {
	case err != nil:
	case account.Channel != wechat.Channel:
		err = fault.Missing("account")
	case account.Status != channels.Active:
		err = fault.New(fault.Forbidden, "account_disabled", nil)
	case account.Sandbox:
		err = s.sandboxed(c.Request)
	}
	if err != nil {
		s.abort(c, err)
		return
	}
	s.o.WechatPush(c.Writer, c.Request, account)
}
