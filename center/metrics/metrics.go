// Package metrics counts what a message center does, for Prometheus. Labels are
// bounded: the commands, statuses and states of SMPP, and the accounts that are
// configured; no addresses, no ids, and nothing that a peer can make up.
package metrics

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A Meter counts. Its methods may be called concurrently. Make one with New.
type Meter struct {
	registry *prometheus.Registry
	commits  prometheus.Histogram
	failed   prometheus.Counter
	requests *prometheus.CounterVec
	accepted *prometheus.CounterVec
	finals   *prometheus.CounterVec
	retries  prometheus.Counter
	reloads  *prometheus.CounterVec
	receipts prometheus.Counter
	taken    prometheus.Counter

	byAccount sync.Map // string: prometheus.Counter
	byRequest sync.Map // request: prometheus.Counter
	states    [256]atomic.Pointer[prometheus.Counter]

	mu       sync.Mutex
	messages depth
	waiting  depth // receipts
}

type request struct {
	command pdu.CommandID
	status  pdu.Status
}

// Sources are where numbers come from when they are asked for. Each may be nil.
type Sources struct {
	// Sessions returns how many connections there are, and for each account and
	// bind mode how many sessions.
	Sessions func() (connections int, bound map[Binding]int)
	// Center returns what the message center has counted.
	Center func() Counts
	// Store returns the numbers of the store.
	Store func() StoreCounts
}

// A Binding is what sessions are counted by.
type Binding struct{ Account, Mode string }

// Counts are of a message center.
type Counts struct {
	Away, Places                                    int
	DroppedReceipts                                 uint64
	Binds, BindsFailed, BindsRefused, Throttled     uint64
	Connections, ConnectionsRefused, HandshakeFails uint64
}

// StoreCounts are of a store on a disk.
type StoreCounts struct {
	Disk, Free uint64 // octets that it takes, and that are left
	Full       bool   // new messages are refused
	Failed     bool   // nothing can be stored any more
}

const namespace = "smpp"

// New returns a meter with nothing counted.
func New() *Meter {
	m := &Meter{
		registry: prometheus.NewRegistry(),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "store_commit_seconds", Help: "How long it took until operations were stored, durably if the store is.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		failed:   prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "store_commit_errors_total", Help: "Operations that the store did not take."}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: "requests_total", Help: "Requests of ESMEs, by the status they were answered with."}, []string{"command", "status"}),
		accepted: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: "messages_accepted_total", Help: "Messages that were stored, one for each destination."}, []string{"account"}),
		finals:   prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: "messages_final_total", Help: "Messages that came to their end, by their state."}, []string{"state"}),
		retries:  prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "attempts_failed_total", Help: "Attempts to deliver that failed for the time being."}),
		reloads:  prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: "reloads_total", Help: "Times that the configuration was read again: done, or failed, with the one before in use."}, []string{"outcome"}),
		receipts: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "receipts_total", Help: "Receipts, notifications and alerts that were made, and messages of simulated mobiles."}),
		taken:    prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "receipts_ended_total", Help: "Those of receipts_total that were taken, or given up."}),
	}
	m.reloads.WithLabelValues("done")
	m.reloads.WithLabelValues("failed")
	m.registry.MustRegister(m.reloads, m.commits, m.failed, m.requests, m.accepted, m.finals, m.retries, m.receipts, m.taken, depths{m},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves what was counted.
func (m *Meter) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 30 * time.Second})
}

// Attach adds the numbers of sources, once.
func (m *Meter) Attach(s Sources) error { return m.registry.Register(collector{s}) }

// Request counts a request that was answered. Commands and statuses that SMPP
// does not define count as other.
func (m *Meter) Request(command pdu.CommandID, status pdu.Status) {
	k := request{command, status}
	c, ok := m.byRequest.Load(k)
	if !ok {
		if isNumber(command.String()) {
			k.command = none
		}
		if isNumber(status.String()) {
			k.status = none
		}
		c, _ = m.byRequest.LoadOrStore(k, m.requests.WithLabelValues(label(k.command), label(k.status)))
	}
	c.(prometheus.Counter).Inc()
}

// Reloaded counts that the configuration was read again, or could not be used.
func (m *Meter) Reloaded(err error) {
	outcome := "done"
	if err != nil {
		outcome = "failed"
	}
	m.reloads.WithLabelValues(outcome).Inc()
}

// none stands for what SMPP does not define.
const none = 0xFFFFFFFF

// isNumber reports whether a command or a status has no name of its own.
func isNumber(s string) bool { return strings.HasPrefix(s, "0x") }

func label(v fmt.Stringer) string {
	if s := v.String(); !isNumber(s) {
		return s
	}
	return "other"
}

// Wrap returns a store that counts what is committed to s.
func (m *Meter) Wrap(s store.Store) store.Store { return &counted{s, m} }

// A counted store counts what passes.
type counted struct {
	store.Store
	meter *Meter
}

// Unwrap returns the store behind.
func (c *counted) Unwrap() store.Store { return c.Store }

// Commit commits and counts.
func (c *counted) Commit(ctx context.Context, shard int, epoch uint64, ops []store.Op) error {
	begin := time.Now()
	err := c.Store.Commit(ctx, shard, epoch, ops)
	if err != nil {
		c.meter.failed.Inc()
		return err
	}
	c.meter.commits.Observe(time.Since(begin).Seconds())
	c.meter.count(ops)
	return nil
}

// Load loads, and counts what waits.
func (c *counted) Load(ctx context.Context, shard int, fn func(*message.Message) error) error {
	return c.Store.Load(ctx, shard, func(msg *message.Message) error {
		if err := fn(msg); err != nil {
			return err
		}
		c.meter.mu.Lock()
		defer c.meter.mu.Unlock()
		c.meter.depthOf(msg).add(msg)
		return nil
	})
}

func (m *Meter) depthOf(msg *message.Message) *depth {
	if submitted(msg) {
		return &m.messages
	}
	return &m.waiting
}

// submitted tells what an ESME has submitted from what the message center has
// made.
func submitted(m *message.Message) bool {
	return m.Kind == message.Normal || m.Kind == message.Broadcast
}

func (m *Meter) count(ops []store.Op) {
	m.mu.Lock()
	for i := range ops {
		switch op := &ops[i]; op.Kind {
		case store.Accept:
			m.depthOf(op.Message).add(op.Message)
		case store.Replace:
			m.messages.replace(op.Message)
		case store.Release:
			m.messages.release(op.ID)
		case store.Final:
			m.messages.remove(op.ID)
		case store.Remove:
			m.waiting.remove(op.ID)
		}
	}
	m.mu.Unlock()
	for i := range ops {
		switch op := &ops[i]; op.Kind {
		case store.Accept:
			if submitted(op.Message) {
				m.account(op.Message.Account).Inc()
			} else {
				m.receipts.Inc()
			}
		case store.Attempt:
			m.retries.Inc()
		case store.Final:
			m.state(op.State).Inc()
		case store.Remove:
			m.taken.Inc()
		}
	}
}

func (m *Meter) account(id string) prometheus.Counter {
	c, ok := m.byAccount.Load(id)
	if !ok {
		c, _ = m.byAccount.LoadOrStore(id, m.accepted.WithLabelValues(id))
	}
	return c.(prometheus.Counter)
}

func (m *Meter) state(s message.State) prometheus.Counter {
	p := &m.states[uint8(s)]
	if c := p.Load(); c != nil {
		return *c
	}
	c := m.finals.WithLabelValues(s.String())
	p.Store(&c)
	return c
}

// Waiting returns how many messages wait to be delivered, how many for their
// time, how many receipts wait, and how long the oldest of either has.
func (m *Meter) Waiting(now time.Time) (messages, scheduled, receipts int, oldest, oldestReceipt time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.messages.total, len(m.messages.special) - m.messages.released, m.waiting.total, m.messages.age(now), m.waiting.age(now)
}

// A depth is how much waits, and since when: a count for each second in which
// something that waits began to. What was scheduled began when it was released.
type depth struct {
	total    int
	counts   map[int64]int
	first    int64                // no second before has a count
	special  map[message.ID]int64 // what is or was scheduled: the second, 0 while it is
	released int                  // of those
}

func (d *depth) add(m *message.Message) {
	if m.State == pdu.StateScheduled {
		d.schedule(m.ID)
		return
	}
	d.at(m.ID.Time().Unix(), 1)
}

func (d *depth) schedule(id message.ID) {
	if d.special == nil {
		d.special = make(map[message.ID]int64)
	}
	d.special[id] = 0
}

func (d *depth) at(second int64, n int) {
	if d.counts == nil {
		d.counts = make(map[int64]int)
	}
	if d.total == 0 || second < d.first {
		d.first = second
	}
	d.total += n
	if d.counts[second] += n; d.counts[second] <= 0 {
		delete(d.counts, second)
	}
}

func (d *depth) release(id message.ID) {
	if at, ok := d.special[id]; ok && at == 0 {
		at = time.Now().Unix()
		d.special[id] = at
		d.released++
		d.at(at, 1)
	}
}

func (d *depth) remove(id message.ID) {
	at, ok := d.special[id]
	switch {
	case !ok:
		d.at(id.Time().Unix(), -1)
		return
	case at != 0:
		d.released--
		d.at(at, -1)
	}
	delete(d.special, id)
}

// replace follows a message whose time was changed.
func (d *depth) replace(m *message.Message) {
	at, ok := d.special[m.ID]
	isScheduled := ok && at == 0
	switch scheduled := m.State == pdu.StateScheduled; {
	case scheduled && !isScheduled:
		d.remove(m.ID)
		d.schedule(m.ID)
	case !scheduled && isScheduled:
		d.release(m.ID)
	}
}

func (d *depth) age(now time.Time) time.Duration {
	if d.total <= 0 {
		return 0
	}
	for ; d.first < now.Unix() && d.counts[d.first] == 0; d.first++ {
	}
	return max(now.Sub(time.Unix(d.first, 0)), 0)
}

// depths tells of what waits.
type depths struct{ m *Meter }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

var (
	descWaiting = desc("queue_messages", "What waits: messages to be delivered (message), messages for their time (scheduled), and what receipts_total counts (receipt).", "kind")
	descOldest  = desc("queue_oldest_seconds", "How long the oldest of what waits has, to the second; scheduled messages since their time.", "kind")
)

func (d depths) Describe(ch chan<- *prometheus.Desc) { ch <- descWaiting; ch <- descOldest }

func (d depths) Collect(ch chan<- prometheus.Metric) {
	messages, scheduled, receipts, oldest, oldestReceipt := d.m.Waiting(time.Now())
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(descWaiting, float64(messages), "message")
	gauge(descWaiting, float64(scheduled), "scheduled")
	gauge(descWaiting, float64(receipts), "receipt")
	gauge(descOldest, oldest.Seconds(), "message")
	gauge(descOldest, oldestReceipt.Seconds(), "receipt")
}

// collector asks sources.
type collector struct{ s Sources }

var (
	descConnections = desc("connections", "Connections, bound or not.")
	descSessions    = desc("sessions", "Sessions that are bound.", "account", "mode")
	descAway        = desc("queue_away", "Messages and receipts that are being delivered.")
	descPlaces      = desc("queue_places", "Places taken of max_waiting, beyond which new messages are refused.")
	descDropped     = desc("receipts_dropped_total", "Receipts that nobody took in time.")
	descBinds       = desc("binds_total", "Binds that were answered: granted, failed for their credentials or the like, refused for the limits of their account.", "outcome")
	descThrottled   = desc("throttled_total", "Requests beyond the rate of their account or session.")
	descAccepted    = desc("connections_total", "Connections that came.")
	descRefused     = desc("connections_refused_total", "Connections beyond the limits.")
	descHandshakes  = desc("tls_handshakes_failed_total", "TLS handshakes that failed.")
	descDisk        = desc("store_disk_bytes", "Octets of the disk that the store takes.")
	descFree        = desc("store_disk_free_bytes", "Octets of the disk that are left.")
	descFull        = desc("store_full", "1 while new messages are refused because the disk is full.")
	descFailed      = desc("store_failed", "1 when the disk has failed and nothing can be stored any more.")
)

func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descConnections, descSessions, descAway, descPlaces, descDropped, descBinds, descThrottled, descAccepted, descRefused, descHandshakes, descDisk, descFree, descFull, descFailed} {
		ch <- d
	}
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	if c.s.Sessions != nil {
		n, bound := c.s.Sessions()
		gauge(descConnections, float64(n))
		for b, n := range bound {
			gauge(descSessions, float64(n), b.Account, b.Mode)
		}
	}
	if c.s.Center != nil {
		x := c.s.Center()
		gauge(descAway, float64(x.Away))
		gauge(descPlaces, float64(x.Places))
		counter(descDropped, x.DroppedReceipts)
		counter(descBinds, x.Binds, "granted")
		counter(descBinds, x.BindsFailed, "failed")
		counter(descBinds, x.BindsRefused, "refused")
		counter(descThrottled, x.Throttled)
		counter(descAccepted, x.Connections)
		counter(descRefused, x.ConnectionsRefused)
		counter(descHandshakes, x.HandshakeFails)
	}
	if c.s.Store != nil {
		x := c.s.Store()
		gauge(descDisk, float64(x.Disk))
		gauge(descFree, float64(x.Free))
		gauge(descFull, bit(x.Full))
		gauge(descFailed, bit(x.Failed))
	}
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
