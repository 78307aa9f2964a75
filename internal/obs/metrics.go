package obs

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the numbers of one process, served at /metrics. Methods are safe
// for concurrent use. Label values come from small fixed sets, never from
// people: routes are patterns, not paths.
type Metrics struct {
	registry *prometheus.Registry

	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
	batchMembers   prometheus.Histogram
	batchSeconds   *prometheus.HistogramVec
	refused        *prometheus.CounterVec
	sockets        *prometheus.GaugeVec
	socketCloses   *prometheus.CounterVec
	deliveries     *prometheus.CounterVec
	sendSeconds    *prometheus.HistogramVec
	jobs           *prometheus.CounterVec
	jobSeconds     *prometheus.HistogramVec
}

// seconds suits what is promised in milliseconds and can take seconds.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// NewMetrics returns metrics in a registry of their own.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry:       prometheus.NewRegistry(),
		requests:       counter("http_requests_total", "HTTP requests answered.", "method", "route", "status"),
		requestSeconds: histogram("http_request_seconds", "Time from request to answer.", seconds, "method", "route"),
		batchMembers: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "fanward_writer_batch_members",
			Help: "Transactions flushed by one commit.", Buckets: prometheus.ExponentialBuckets(1, 2, 10)}),
		batchSeconds: histogram("writer_batch_seconds", "Time of a batch, by phase: work or commit.", seconds, "phase"),
		refused:      counter("overload_refusals_total", "What was refused because more came in than could be made durable, by where it waited: write or socket.", "where"),
		sockets:      prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "fanward_sockets", Help: "Open sockets."}, []string{"kind"}),
		socketCloses: counter("socket_closes_total", "Sockets closed by the server, by close code.", "kind", "code"),
		deliveries:   counter("outbox_deliveries_total", "Deliveries that entered a state.", "channel", "state"),
		sendSeconds:  histogram("outbox_send_seconds", "Time a provider took to accept or refuse.", seconds, "channel"),
		jobs:         counter("jobs_total", "Job attempts, by outcome: done, retry, snoozed, discarded, interrupted or rescued.", "kind", "outcome"),
		jobSeconds:   histogram("job_seconds", "Time of one job attempt.", seconds, "kind"),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "fanward_build_info", Help: "Always 1; the label names the build."}, []string{"version"})
	build.WithLabelValues(Version()).Set(1)
	m.registry.MustRegister(m.requests, m.requestSeconds, m.batchMembers, m.batchSeconds, m.refused, m.sockets, m.socketCloses,
		m.deliveries, m.sendSeconds, m.jobs, m.jobSeconds, build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "fanward_" + name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "fanward_" + name, Help: help, Buckets: buckets}, labels)
}

// Registry takes collectors that a part of the program brings itself. Names
// begin with "fanward_".
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Handler serves /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Request counts an answered request; route is its pattern.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.requestSeconds.WithLabelValues(method, route).Observe(took.Seconds())
}

// Batch is for store.Options.Observe.
func (m *Metrics) Batch(members int, work, commit time.Duration) {
	m.batchMembers.Observe(float64(members))
	m.batchSeconds.WithLabelValues("work").Observe(work.Seconds())
	m.batchSeconds.WithLabelValues("commit").Observe(commit.Seconds())
}

// Refused counts what was refused because of overload; where is write or socket.
func (m *Metrics) Refused(where string) { m.refused.WithLabelValues(where).Inc() }

// SocketOpened counts an open socket of a kind (teammate, visitor) until
// closed is called, once, with its close code.
func (m *Metrics) SocketOpened(kind string) (closed func(code int)) {
	g := m.sockets.WithLabelValues(kind)
	g.Inc()
	return func(code int) {
		g.Dec()
		m.socketCloses.WithLabelValues(kind, strconv.Itoa(code)).Inc()
	}
}

// Delivery counts a delivery that entered a state.
func (m *Metrics) Delivery(channel, state string) { m.deliveries.WithLabelValues(channel, state).Inc() }

// Send observes how long a provider took.
func (m *Metrics) Send(channel string, took time.Duration) {
	m.sendSeconds.WithLabelValues(channel).Observe(took.Seconds())
}

// Job counts a job attempt; outcome is done, retry, snoozed, discarded, interrupted or rescued.
func (m *Metrics) Job(kind, outcome string, took time.Duration) {
	m.jobs.WithLabelValues(kind, outcome).Inc()
	m.jobSeconds.WithLabelValues(kind).Observe(took.Seconds())
}

// Gauge publishes a number that is read at each scrape, such as the age of the
// feed's watermark ("feed_watermark_age_seconds"). read must be quick and safe
// for concurrent use.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "fanward_" + name, Help: help}, read))
}

// Counter publishes a number that only grows and is read at each scrape; see
// Gauge.
func (m *Metrics) Counter(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "fanward_" + name, Help: help}, read))
}
