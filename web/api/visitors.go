package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/web/sandbox"
)

// visitorRoot is where the visitors' calls lie.
const visitorRoot = "/channels/webchat/{key}"

const visitorRoute = "/channels/webchat/:key"

// maxFiles is how many files one message carries.
const maxFiles = 10

// site is the account that a visitor's page belongs to.
type site struct {
	account *channels.Account
	config  webchat.Config
}

type siteKey struct{}

func siteIn(ctx context.Context) site {
	at, _ := ctx.Value(siteKey{}).(site)
	return at
}

// welcome lets pages of the account's origins in and no others.
func (s *Server) welcome(c *gin.Context) {
	if !strings.HasPrefix(c.FullPath(), visitorRoute+"/") {
		return
	}
	h := c.Writer.Header()
	h.Add("Vary", "Origin")
	account, config, err := s.o.Visitors.Account(c.Request.Context(), c.Param("key"))
	if err != nil {
		if s.letRead(c, err) && preflight(c) {
			return
		}
		s.abort(c, err)
		return
	}
	if !s.allow(c, config) {
		s.abort(c, fault.New(fault.Forbidden, "origin_refused", nil))
		return
	}
	if account.Sandbox {
		if err := s.sandboxed(c.Request); err != nil {
			s.abort(c, err)
			return
		}
	}
	if preflight(c) {
		return
	}
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), siteKey{}, site{account, config}))
}

// sandboxed refuses a sandbox account to everybody but this machine, and to all
// while the sandbox is off.
func (s *Server) sandboxed(r *http.Request) error {
	reason, ok := sandbox.Local(r)
	if ok && s.o.Sandbox() != nil {
		return nil
	}
	if ok {
		reason = "off"
	}
	return fault.New(fault.Forbidden, "sandbox_local_only", fault.Params{"reason": reason})
}

// preflight answers a browser's question whether it may send the real request,
// for an origin that may.
func preflight(c *gin.Context) bool {
	if c.Request.Method != http.MethodOptions {
		return false
	}
	h := c.Writer.Header()
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", "7200")
	c.AbortWithStatus(http.StatusNoContent)
	return true
}

// allow grants the page's origin to read the answer, if the account lists it.
func (s *Server) allow(c *gin.Context, config webchat.Config) bool {
	own, origin := s.proxies.origin(c.Request), c.GetHeader("Origin")
	if origin == "" && c.GetHeader("Sec-Fetch-Site") == "same-origin" {
		return true // browsers name no origin when a page reads from its own
	}
	if !config.Allows(origin, own) {
		return false
	}
	h := c.Writer.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Retry-After, X-Request-Id")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	return true
}

// letRead lets the widget read that its account has been disabled, so that it
// stops asking.
func (s *Server) letRead(c *gin.Context, err error) bool {
	if fault.CodeOf(err) != "account_disabled" {
		return false
	}
	account, err := s.o.Accounts.ByKey(c.Request.Context(), c.Param("key"))
	if err != nil {
		return false
	}
	config, err := webchat.ParseConfig(account.Config)
	return err == nil && s.allow(c, config)
}

// AtSite is the path of every visitors' call.
type AtSite struct {
	Key string `path:"key" doc:"The account's public key"`
}

// AsVisitor is what calls beside session carry.
type AsVisitor struct {
	AtSite
	Authorization string `header:"Authorization" doc:"Visitor <token>"`
}

// open is the visitor behind the token.
func (s *Server) open(ctx context.Context, in AsVisitor) (webchat.Visitor, error) {
	at := siteIn(ctx)
	scheme, token, _ := strings.Cut(in.Authorization, " ")
	if !strings.EqualFold(scheme, "Visitor") {
		token = ""
	}
	return s.o.Visitors.Open(at.account, at.config, strings.TrimSpace(token))
}

// thread is whose messages the visitor may read; ok is false before the first.
func (s *Server) thread(ctx context.Context, v webchat.Visitor) (inbox.Visitor, bool, error) {
	who, ok, err := s.o.Visitors.Who(ctx, v)
	return inbox.Visitor{Account: v.Account.ID, Customer: who.Customer, Identity: who.Identity, Known: who.Known}, ok, err
}

func (s *Server) addVisitors() {
	add(s, operation{
		id: "openVisitorSession", method: http.MethodPost, path: visitorRoot + "/session", tag: "visitors", access: visitor, limit: s.limits.visitorSession,
		summary: "Begin or continue as a visitor",
	}, s.openVisitorSession)
	add(s, operation{
		id: "listVisitorMessages", method: http.MethodGet, path: visitorRoot + "/messages", tag: "visitors", access: visitor, errors: []int{http.StatusUnauthorized},
		summary: "Earlier messages of the visitor's own thread, ascending",
	}, s.listVisitorMessages)
	add(s, operation{
		id: "createVisitorMessage", method: http.MethodPost, path: visitorRoot + "/messages", tag: "visitors", access: visitor, limit: s.limits.visitorMessage,
		status: http.StatusCreated, errors: []int{http.StatusUnauthorized}, summary: "Write to the company",
		description: "The message is durable when this returns. The same client_key returns the first message.",
	}, s.createVisitorMessage)
}

type claim struct {
	UserID     string               `json:"user_id"`
	Hash       string               `json:"hash" doc:"Hex HMAC-SHA256 of user_id under the account's identity secret"`
	Name       string               `json:"name,omitempty"`
	Email      string               `json:"email,omitempty"`
	EmailHash  string               `json:"email_hash,omitempty" doc:"Proves email: hex HMAC-SHA256 of user_id, a line feed and email in lower case"`
	Attributes customers.Attributes `json:"attributes,omitempty"`
}

type visitedPage struct {
	URL   string `json:"url"`
	Title string `json:"title,omitempty"`
}

type visitorSessionRequest struct {
	Visitor  string       `json:"visitor,omitempty" doc:"The token that this browser has kept"`
	Locale   string       `json:"locale,omitempty" doc:"The language that the widget speaks"`
	Page     *visitedPage `json:"page,omitempty" doc:"Where the visitor is"`
	Identity *claim       `json:"identity,omitempty" doc:"Who the site says the visitor is"`
}

type visitorConfig struct {
	Title         channels.Words `json:"title"`
	Greeting      channels.Words `json:"greeting"`
	Color         string         `json:"color"`
	Position      string         `json:"position" enum:"right,left"`
	DefaultLocale string         `json:"default_locale" enum:"en,zh-CN"`
}

type limits struct {
	Body      int   `json:"body" doc:"Characters of a message"`
	FileBytes int64 `json:"file_bytes"`
	Files     int   `json:"files" doc:"Files of a message"`
}

type visitorSession struct {
	Visitor      string                     `json:"visitor" doc:"Keep this token and send it with every other call"`
	Replaced     bool                       `json:"replaced" doc:"This device was known as someone else: drop what you hold"`
	Identified   bool                       `json:"identified"`
	Config       visitorConfig              `json:"config"`
	Limits       limits                     `json:"limits"`
	Conversation *inbox.VisitorConversation `json:"conversation"`
	Unread       int64                      `json:"unread"`
}

func (s *Server) openVisitorSession(ctx context.Context, in *struct {
	AtSite
	Body visitorSessionRequest
}) (*answer[visitorSession], error) {
	at, b := siteIn(ctx), in.Body
	v, err := s.o.Visitors.Open(at.account, at.config, b.Visitor)
	if err != nil {
		v = s.o.Visitors.Fresh(at.account, at.config)
	}
	out := visitorSession{
		Config: visitorConfig{at.config.Title, at.config.Greeting, at.config.Color, at.config.Position, at.config.DefaultLocale},
		Limits: limits{min(webchat.MaxBody, s.o.Config.Limits.BodyChars), s.o.Config.Limits.FileBytes, maxFiles},
	}
	if b.Identity != nil {
		v, out.Replaced, err = s.o.Visitors.Identify(ctx, v, webchat.Claim{UserID: b.Identity.UserID, Hash: b.Identity.Hash, EmailHash: b.Identity.EmailHash, Traits: customers.Traits{
			Name: b.Identity.Name, Email: b.Identity.Email, Locale: b.Locale, Attributes: b.Identity.Attributes,
		}})
		if err != nil {
			return nil, err
		}
		s.o.Identified(ctx, v)
	}
	out.Visitor = s.o.Visitors.Token(v)
	whose, ok, err := s.thread(ctx, v)
	if err != nil || !ok {
		return &answer[visitorSession]{out}, err
	}
	out.Identified = whose.Known
	if b.Page != nil {
		s.o.PageViewed(ctx, whose.Customer, whose.Identity, b.Page.URL, b.Page.Title)
	}
	out.Conversation, out.Unread, err = s.o.Inbox.Current(ctx, whose)
	return answered(out, err)
}

type visitorMessages struct {
	Items   []inbox.VisitorMessage `json:"items"`
	HasMore bool                   `json:"has_more"`
}

func (s *Server) listVisitorMessages(ctx context.Context, in *struct {
	AsVisitor
	Before string `query:"before" doc:"<conversation_id>:<seq>; absent: the newest"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}) (*answer[visitorMessages], error) {
	v, err := s.open(ctx, in.AsVisitor)
	if err != nil {
		return nil, err
	}
	before, err := parsePlace(in.Before)
	if err != nil {
		return nil, err
	}
	out := visitorMessages{Items: []inbox.VisitorMessage{}}
	whose, ok, err := s.thread(ctx, v)
	if err != nil || !ok {
		return answered(out, err)
	}
	read, err := s.o.Inbox.ThreadBefore(ctx, whose, before, in.Limit)
	out.Items, out.HasMore = read.Messages, read.More
	return answered(out, err)
}

// parsePlace reads "<conversation_id>:<seq>"; "" is the zero place.
func parsePlace(s string) (inbox.Place, error) {
	if s == "" {
		return inbox.Place{}, nil
	}
	conversation, number, _ := strings.Cut(s, ":")
	id, err := ids.Parse(conversation)
	if err == nil {
		var seq uint64
		if seq, err = strconv.ParseUint(number, 10, 63); err == nil {
			return inbox.Place{Conversation: id, Seq: int64(seq)}, nil
		}
	}
	return inbox.Place{}, fault.AtField("before", "cursor_invalid", nil)
}

type newVisitorMessage struct {
	ClientKey     string   `json:"client_key" doc:"The client's name for this message; repeating it returns the first result"`
	Body          string   `json:"body,omitempty"`
	AttachmentIDs []ids.ID `json:"attachment_ids,omitempty"`
}

func (s *Server) createVisitorMessage(ctx context.Context, in *struct {
	AsVisitor
	AcceptLanguage string `header:"Accept-Language" hidden:"true"`
	Body           newVisitorMessage
}) (*answer[inbox.VisitorMessage], error) {
	v, err := s.open(ctx, in.AsVisitor)
	if err != nil {
		return nil, err
	}
	got, err := s.o.Visitors.Send(ctx, v, webchat.Message{
		ClientKey: in.Body.ClientKey, Body: in.Body.Body, Attachments: in.Body.AttachmentIDs, Locale: locale.MatchOr(in.AcceptLanguage, v.Config.DefaultLocale),
	})
	if err != nil {
		return nil, err
	}
	return answered(s.o.Inbox.Acknowledged(ctx, got, in.Body.ClientKey, len(in.Body.AttachmentIDs)))
}
