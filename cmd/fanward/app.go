package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/channels/intake"
	"github.com/fanward/fanward/channels/outbox"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/channels/wechat"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/jobs"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/internal/seal"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
	"github.com/fanward/fanward/journeys"
	"github.com/fanward/fanward/segments"
	"github.com/fanward/fanward/web/api"
	"github.com/fanward/fanward/web/console"
	"github.com/fanward/fanward/web/filelink"
	"github.com/fanward/fanward/web/realtime"
	"github.com/fanward/fanward/web/widget"
)

// app is the running program: the floors, joined. Start brings it up from the
// ground, Stop takes it down in reverse.
type app struct {
	config  *config.Config
	log     *slog.Logger
	metrics *obs.Metrics
	health  *obs.Health

	db        *database
	keys      *seal.Keys
	files     *files.Store
	auth      *auth.Service
	accounts  *channels.Accounts
	customers *customers.Service
	segments  *segments.Service
	journeys  *journeys.Service
	intake    *intake.Intake
	outbox    *outbox.Outbox
	inbox     *inbox.Inbox
	visitors  *webchat.Visitors
	jobs      *jobs.Queue
	hub       *realtime.Hub
	server    *api.Server
	sandbox   *sandboxKeeper
	// directory knows the addresses of the mail accounts; post takes mail in, nil
	// where none is taken.
	directory *email.Directory
	post      *postOffice
	admin     *adminServer
	wechat    *wechat.Client

	http     *http.Server
	listener net.Listener
	// background are the followers and dispatchers, ended by cancel.
	background sync.WaitGroup
	cancel     context.CancelFunc
	failed     chan error
	// pretend stands something in the place of a provider's adapter; as a rule the
	// adapter itself.
	pretend func(real channels.Adapter) channels.Adapter
	gauges  []*gauge
	// breakBackups ends the backups under way.
	breakBackups context.CancelFunc
	databaseUp   atomic.Int64
	// forwarded is a proxy that is not trusted, nil as long as none was seen.
	forwarded atomic.Pointer[string]
	// watermark is the age of the change feed's watermark in nanoseconds.
	watermark atomic.Int64
}

const (
	drainTime = 10 * time.Second
	// stopLimit is how long the whole end may take, whatever still runs.
	stopLimit = 30 * time.Second
	// Headers must come quickly; bodies may be large files over slow lines.
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	// leadLife is how long the node that keeps the segments may be silent before
	// another one does.
	leadLife = 2 * time.Second
)

// newApp opens everything but listens to nobody yet.
func newApp(ctx context.Context, c *config.Config, log *slog.Logger, with ...func(*app)) (_ *app, err error) {
	a := &app{config: c, log: log, metrics: obs.NewMetrics(), failed: make(chan error, 1)}
	a.pretend = func(real channels.Adapter) channels.Adapter { return real }
	for _, change := range with {
		change(a)
	}
	a.health = obs.NewHealth(log)
	defer func() {
		if err != nil {
			_ = a.close()
		}
	}()
	if a.keys, err = openKeys(c); err != nil {
		return nil, err
	}
	if a.db, err = openDatabase(ctx, c, log, a.metrics); err != nil {
		return nil, err
	}
	if err = rememberKey(ctx, a.db.DB, a.keys); err != nil {
		return nil, err
	}
	if err = a.db.joinCluster(ctx, c, log, a.metrics); err != nil {
		return nil, err
	}
	if a.files, err = files.OpenURL(ctx, c.Files.URL, c.DataDir); err != nil {
		return nil, err
	}
	if err := a.join(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// join builds the domains and the web on top of the open store.
func (a *app) join(ctx context.Context) error {
	d, clk := a.db, a.db.clk
	wechatAdapter := a.newWechat()
	mailAdapter := a.newMail()
	registry := channels.NewRegistry(webchat.Adapter{}, a.pretend(wechatAdapter), a.pretend(mailAdapter))
	links := filelink.New(a.keys, clk.Now)
	a.auth = auth.New(auth.Options{DB: d.DB, Clock: clk, IDs: d.ids, SessionLifetime: a.config.Session.Lifetime, Locale: a.config.Installation.Locale,
		Log: obs.Component(a.log, "auth"), TeamDeleted: a.teamDeleted, Limits: d.bus})
	a.accounts = channels.NewAccounts(d.DB, clk, d.ids, registry, a.keys)
	a.customers = customers.New(d.DB, clk, d.ids)
	if err := a.customers.Prepare(ctx); err != nil {
		return err
	}
	a.customers.OnAudit(a.auth)
	a.segments = segments.New(segments.Options{DB: d.DB, Clock: clk, Machine: d.machine, IDs: d.ids, Customers: a.customers, Auditor: a.auth, Log: obs.Component(a.log, "segments"),
		Lead: func(ctx context.Context) bool { return d.bus.Hold(ctx, "segments", leadLife) }})
	a.customers.OnStageRule(a.segments.StageRuleTx)
	a.accounts.OnAudit(a.auth)
	a.intake = intake.New(intake.Options{DB: d.DB, Clock: clk, Machine: d.machine, IDs: d.ids, Accounts: a.accounts, Holder: d.node.Name, Log: obs.Component(a.log, "intake")})
	loader := new(lateLoader)
	a.outbox = outbox.New(outbox.Options{
		DB: d.DB, Clock: clk, Machine: d.machine, IDs: d.ids, Registry: registry, Accounts: a.accounts, Loader: loader, Holder: d.node.Name, Log: obs.Component(a.log, "outbox"),
		Poster: loader, Unsubscribe: func(identity, account ids.ID, channel string) string {
			return a.url() + links.UnsubscribeURL(identity, account, channel)
		},
		Zone: a.config.Location(), Auditor: a.auth,
	})
	if err := a.outbox.Prepare(ctx); err != nil {
		return err
	}
	a.inbox = inbox.New(inbox.Options{
		DB: d.DB, Clock: clk, IDs: d.ids, Customers: a.customers, Registry: registry, Outbox: a.outbox, Links: links, Files: a.files, MaxBody: a.config.Limits.BodyChars,
	})
	loader.Inbox = a.inbox
	a.outbox.OnChange(a.inbox.DeliveryChangedTx)
	a.outbox.OnOutreach(a.inbox.OutreachChangedTx)
	a.joinJourneys(registry)
	pushes := a.joinWechat(wechatAdapter)
	a.joinMail(mailAdapter)
	a.visitors = webchat.NewVisitors(d.DB, a.accounts, a.customers, a.keys, a.inbox, clk.Now)
	a.hub = realtime.New(realtime.Options{
		DB: d.DB, Clock: clk, Bus: d.bus, Log: obs.Component(a.log, "realtime"), Inbox: a.inbox, Visitors: a.visitors, Node: d.node.Name,
		PageViewed: a.pageViewed, AccountChanged: a.accountChanged, Standing: a.auth.Standing, Shown: a.shown, Opened: a.metrics.SocketOpened, Refused: a.metrics.Refused,
	})
	if err := a.hub.Start(ctx); err != nil {
		return err
	}
	a.jobs = jobs.New(jobs.Config{DB: d.DB, Clock: clk, Machine: d.machine, IDs: d.ids, Bus: d.bus, Log: obs.Component(a.log, "jobs"), Holder: d.node.Name, Observe: a.metrics.Job})
	if err := a.upkeep(); err != nil {
		return err
	}
	a.sandbox = a.newSandboxKeeper()
	var err error
	a.server, err = api.New(api.Options{
		Config: a.config, Clock: clk, Log: obs.Component(a.log, "http"), Metrics: a.metrics, Health: a.health, Auth: a.auth, Accounts: a.accounts,
		Customers: a.customers, Segments: a.segments, Journeys: a.journeys, Inbox: a.inbox, Intake: a.intake, Outbox: a.outbox, Visitors: a.visitors, Files: a.files, Links: links,
		TeammateSocket: a.hub.ServeTeammate, VisitorSocket: a.hub.ServeVisitor, PageViewed: a.pageViewed,
		Identified: a.hub.Bound, Online: a.hub.CustomerOnline, WechatPush: pushes.Serve, QR: codes{wechatAdapter}, BaseURL: a.url, Sandbox: a.sandbox.pages, Counts: d.bus, Node: d.node.Name, Console: console.Dist(), Widget: widget.Script,
	})
	if err != nil {
		return err
	}
	a.health.Add("database", d.Ping)
	d.DB.Behind(a.hub.Lag)
	a.metrics.Gauge("write_wait_seconds", "How long the oldest write that has not begun has been waiting.", func() float64 { return d.DB.Waiting().Seconds() })
	a.metrics.Gauge("feed_lag_seconds", "How far the sockets of this node are behind the change feed.", func() float64 { return a.hub.Lag().Seconds() })
	a.metrics.Gauge("feed_watermark_age_seconds", "How long the oldest open transaction has been holding back the change feed.",
		func() float64 { return time.Duration(a.watermark.Load()).Seconds() })
	a.publishGauges()
	return nil
}

// accountChanged forgets what this node remembers of an account that some node
// has changed.
func (a *app) accountChanged(key string) {
	a.accounts.Forget(key)
	a.directory.Forget()
}

// lateLoader lets the outbox, one floor below, read messages of the inbox.
type lateLoader struct{ *inbox.Inbox }

// openKeys finds the root key: from the settings, or on SQLite from the data
// folder, where the first start makes it.
func openKeys(c *config.Config) (*seal.Keys, error) {
	root := c.SecretKeyBytes()
	if root == nil {
		var err error
		if root, _, err = seal.EnsureFile(c.DataDir); err != nil {
			return nil, err
		}
	}
	return seal.New(root)
}

// start listens and lets the background work begin.
func (a *app) start(ctx context.Context) error {
	listener, err := net.Listen("tcp", a.config.HTTP.Addr)
	if err != nil {
		return fmt.Errorf("listen on http.addr (FANWARD_HTTP_ADDR): %w", err)
	}
	a.listener = listener
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.cancel = cancel
	if a.post, err = a.openPost(a.config.Email.SMTPAddr); err != nil {
		return err
	}
	if err := a.sandbox.begin(ctx); err != nil {
		return err
	}
	a.background.Go(func() { a.sandbox.run(work) })
	a.background.Go(func() { a.hub.Run(work) })
	a.background.Go(func() { a.sample(work) })
	wake, unsubscribe := a.db.bus.Subscribe(outbox.Topic, 1)
	a.background.Go(func() {
		defer unsubscribe()
		a.outbox.Run(work, wake, a.db.Engine() == store.SQLite)
	})
	arrived, unheard := a.db.bus.Subscribe(intake.Topic, 1)
	a.background.Go(func() {
		defer unheard()
		a.intake.Run(work, arrived, a.db.Engine() == store.SQLite)
	})
	touched, untouched := a.db.bus.Subscribe(customers.TopicTouched, 1)
	a.background.Go(func() {
		defer untouched()
		a.segments.Run(work, touched)
	})
	a.background.Go(func() { a.runJourneys(work) })
	a.background.Go(func() { a.customers.KeepCalls(work) })
	a.background.Go(func() { a.wechat.Follow(work) })
	a.background.Go(func() { a.moveEvents(work) })
	a.background.Go(func() { a.wakeSnoozed(work) })
	due, undue := a.db.bus.Subscribe(inbox.TaskTopic, 1)
	a.background.Go(func() {
		defer undue()
		a.tasksDue(work, due)
	})
	a.background.Go(func() { a.watchWatermark(work) })
	a.background.Go(func() { a.db.node.renew(work, a.db.DB, a.db.machine, a.db.ids, a.log, a.releaseTx) })
	if err := a.jobs.Start(work); err != nil {
		return err
	}
	if a.admin, err = startAdmin(a.config.DataDir, direct{auth: a.auth, customers: a.customers, signInURL: a.signInURL}, obs.Component(a.log, "admin"), a.backups(), a.examined); err != nil {
		return err
	}
	a.http = &http.Server{Handler: a.noticeForwarded(a.server), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug)}
	go func() {
		if err := a.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.fail(fmt.Errorf("serve: %w", err))
		}
	}()
	return nil
}

// releaseTx ends the leases of a node that has died.
func (a *app) releaseTx(tx *store.Tx, holder string) error {
	for _, release := range []func(*store.Tx, string) error{a.intake.ReleaseTx, a.outbox.ReleaseTx, a.jobs.ReleaseTx} {
		if err := release(tx, holder); err != nil {
			return err
		}
	}
	return nil
}

// fail ends the program with err.
func (a *app) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}

// turnAway serves on for a while, but says at /readyz that it is about to end: a
// load balancer before it turns away. What fails meanwhile ends the program.
func (a *app) turnAway() error {
	a.server.Drain()
	wait := time.NewTimer(a.config.HTTP.DrainWait)
	defer wait.Stop()
	select {
	case err := <-a.failed:
		return err
	case <-wait.C:
		return nil
	}
}

// stop takes the program down in reverse: no new work, sockets told to come
// back, requests under way finished, then the followers, then the store.
func (a *app) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	a.server.Drain()
	if a.breakBackups != nil {
		a.breakBackups() // one that goes on for minutes is begun again later
	}
	a.sandbox.stop(ctx)
	a.post.stop(ctx)
	a.hub.Drain(ctx)
	var err error
	if a.http != nil {
		err = a.http.Shutdown(ctx)
	} else if a.listener != nil {
		err = a.listener.Close()
	}
	err = errors.Join(err, a.admin.stop(ctx))
	a.jobs.Stop(ctx)
	if a.cancel != nil {
		a.cancel()
	}
	a.background.Wait()
	return errors.Join(err, a.close())
}

func (a *app) close() error {
	var err error
	if a.files != nil {
		err = a.files.Close()
	}
	if a.db != nil {
		err = errors.Join(err, a.db.Close())
	}
	return err
}

// url is where people reach this installation.
func (a *app) url() string {
	if a.listener == nil { // not yet
		return siteURL(a.config, a.config.HTTP.Addr)
	}
	return siteURL(a.config, a.listener.Addr().String())
}

// What is kept of a page, in characters: its address and title come from
// browsers, whatever their length.
const (
	maxPageURL   = 2000
	maxPageTitle = 300
)

func seenPage(url, title string) map[string]any {
	return map[string]any{"url": text.Preview(url, maxPageURL), "title": text.Preview(title, maxPageTitle)}
}

// pageViewed stores that a known customer looked at a page.
func (a *app) pageViewed(ctx context.Context, customer, identity ids.ID, url, title string) {
	err := a.customers.Track(ctx, customers.Track{
		Customer: customer, Identity: identity, Name: customers.EventPageViewed, At: a.db.clk.Now(), Properties: seenPage(url, title),
	})
	if err != nil && fault.KindOf(err) != fault.Unavailable { // overload is counted, and says so itself
		a.log.Error("store a page view", "error", err)
	}
}
