// Package api is the HTTP edge: the REST interface under /api/v1 with its
// OpenAPI document, the visitors' calls under /channels/webchat, the widget,
// the console and what operators ask. Handlers are thin: domains decide, this
// package reads requests, checks who asks and words the answers.
package api

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/intake"
	"github.com/fanward/fanward/channels/outbox"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/journeys"
	"github.com/fanward/fanward/segments"
	"github.com/fanward/fanward/web/filelink"
	"github.com/fanward/fanward/web/problem"
)

// Options are the parts behind the edge. All are needed unless said otherwise.
type Options struct {
	Config    *config.Config
	Clock     clock.Clock
	Log       *slog.Logger
	Metrics   *obs.Metrics
	Health    *obs.Health
	Auth      *auth.Service
	Accounts  *channels.Accounts
	Customers *customers.Service
	Segments  *segments.Service
	Inbox     *inbox.Inbox
	Intake    *intake.Intake
	Outbox    *outbox.Outbox
	Journeys  *journeys.Service
	Visitors  *webchat.Visitors
	Files     *files.Store
	Links     *filelink.Signer

	// TeammateSocket upgrades a request whose sender and origin have been
	// checked; session names the sign-in and is empty for tokens. Nil answers
	// 404.
	TeammateSocket func(w http.ResponseWriter, r *http.Request, p auth.Principal, session string)
	// VisitorSocket upgrades a request to an active account from an origin
	// that it allows. Nil answers 404.
	VisitorSocket func(w http.ResponseWriter, r *http.Request, account *channels.Account, config webchat.Config)
	// PageViewed stores that a customer looked at a page; may be nil.
	PageViewed func(ctx context.Context, customer, identity ids.ID, url, title string)
	// WechatPush answers what WeChat asks and pushes for an active account; nil
	// where the channel is not served.
	WechatPush func(w http.ResponseWriter, r *http.Request, account *channels.Account)
	// Identified is told that a visitor's device has been joined to a person;
	// may be nil.
	Identified func(ctx context.Context, v webchat.Visitor)
	// Online tells whether a socket of a customer is open; may be nil.
	Online func(customer ids.ID) bool
	// BaseURL is where people reach this installation; links are built from
	// it. Nil: public_url.
	BaseURL func() string
	// QR makes codes for a WeChat account; nil while no adapter makes any.
	QR QRCodes
	// Sandbox is where the sandbox's pages can be visited, nil while it is off. May
	// itself be nil.
	Sandbox func() *SandboxPages

	// Console is the built console; may be nil.
	Console fs.FS
	// Widget is the built widget.js; ok is false when it was not built. May be nil.
	Widget func() (script []byte, ok bool)
	// Limits bound how often one address may call; zero means DefaultLimits.
	Limits Limits
	// Counts count these calls; nil: this process alone does.
	Counts bus.Limiter
	// Node names this process among its equals in every answer; "" names none.
	Node string
}

// Server is the HTTP edge. It is safe for concurrent use.
type Server struct {
	o        Options
	engine   *gin.Engine
	handler  http.Handler
	huma     huma.API
	problems *problem.Reporter
	proxies  proxies
	limits   limiters
	routes   map[string]access // of what is not in the document, by method and path
	static   *statics
	document document
	draining atomic.Bool
}

// New builds the edge. It fails only when the parts do not fit together, which
// the first start shows.
func New(o Options) (*Server, error) {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits
	}
	if o.Counts == nil {
		o.Counts = bus.NewMemoryLimiter(o.Clock)
	}
	if o.PageViewed == nil {
		o.PageViewed = func(context.Context, ids.ID, ids.ID, string, string) {}
	}
	if o.Identified == nil {
		o.Identified = func(context.Context, webchat.Visitor) {}
	}
	if o.Online == nil {
		o.Online = func(ids.ID) bool { return false }
	}
	if o.BaseURL == nil {
		o.BaseURL = func() string { return o.Config.PublicURL }
	}
	if o.Sandbox == nil {
		o.Sandbox = func() *SandboxPages { return nil }
	}
	s := &Server{
		o: o, problems: problem.NewReporter(o.Log), proxies: newProxies(o.Config), limits: newLimiters(o.Limits, o.Counts), routes: map[string]access{},
	}
	s.static = newStatics(o.Console, o.Widget, s.problems)
	if err := s.build(); err != nil {
		return nil, err
	}
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Drain asks clients to come back over new connections and makes /readyz
// refuse; requests under way and new ones are still answered.
func (s *Server) Drain() {
	s.draining.Store(true)
	s.o.Health.Drain()
}

func (s *Server) build() error {
	s.engine = newEngine()
	s.engine.Use(s.observe, s.recovered, s.hosted, s.secured, s.legible, s.capped, s.patient, s.welcome)
	s.huma = newHuma(s.engine)
	s.huma.UseMiddleware(s.authorise)
	s.addOperations()
	s.addRoutes()
	complete(s.huma.OpenAPI().Components.Schemas)
	compress, err := compression()
	if err != nil {
		return err
	}
	s.handler = s.outermost(compress)
	return nil
}

func (s *Server) addOperations() {
	s.addSession()
	s.addMe()
	s.addTeammates()
	s.addTeams()
	s.addTokens()
	s.addAccounts()
	s.addConversations()
	s.addDeliveries()
	s.addTasks()
	s.addSending()
	s.addInbound()
	s.addMessages()
	s.addCustomers()
	s.addMerges()
	s.addConsents()
	s.addTimeline()
	s.addStages()
	s.addTags()
	s.addSegments()
	s.addWriteKeys()
	s.addObserved()
	s.addVisitors()
	s.addBind()
	s.addJourneys()
	s.addFiles()
}
