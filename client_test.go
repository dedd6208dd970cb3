package smpp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// A network connects a Client to servers in memory, by the name of the host.
type network struct {
	mu    sync.Mutex
	hosts map[string]func() net.Conn // nil, or a nil connection: refused
	dials map[string][]time.Time
}

func (n *network) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(address)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dials == nil {
		n.dials = map[string][]time.Time{}
	}
	n.dials[host] = append(n.dials[host], time.Now())
	if f := n.hosts[host]; f != nil {
		if conn := f(); conn != nil {
			return conn, nil
		}
	}
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

// set makes f the host from now on.
func (n *network) set(host string, f func() net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hosts == nil {
		n.hosts = map[string]func() net.Conn{}
	}
	n.hosts[host] = f
}

// dialed returns when a host was dialed.
func (n *network) dialed(host string) []time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.dials[host])
}

// serve makes a server the host from now on, until the test ends.
func (n *network) serve(t *testing.T, host string, srv *smpp.Server) *smpp.Server {
	t.Helper()
	srv.Logger = quiet
	n.set(host, pipeTo(srv))
	t.Cleanup(func() { _ = srv.Close() })
	return srv
}

// pipeTo connects to a server in memory.
func pipeTo(srv *smpp.Server) func() net.Conn {
	return func() net.Conn {
		near, far := smpptest.Pipe()
		if srv.ServeConn(far) == nil {
			return nil
		}
		return near
	}
}

// targets makes URLs of hosts.
func targets(hosts ...string) (out []smpp.Target) {
	for _, h := range hosts {
		out = append(out, smpp.Target{URL: "smpp://test:secret@" + h})
	}
	return out
}

// connect starts a client and closes it when the test ends.
func connect(t *testing.T, n *network, c *smpp.Client) *smpp.Client {
	t.Helper()
	start(t, n, c)
	if err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	synctest.Wait() // for all links
	return c
}

func start(t *testing.T, n *network, c *smpp.Client) {
	var config smpp.Config
	if c.Config != nil {
		config = *c.Config
	}
	config.Dialer, config.Logger = n, quiet
	c.Config = &config
	t.Cleanup(func() { _ = c.Close() })
}

// A log keeps what a server accepted.
type acceptedLog struct {
	mu   sync.Mutex
	dest []string
}

func (l *acceptedLog) add(dest string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dest = append(l.dest, strings.Clone(dest))
}

func (l *acceptedLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.dest)
}

func (l *acceptedLog) handler() smpp.Handler {
	return onSubmit(func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		l.add(m.Dest.Addr)
		return &pdu.SubmitSMResp{MessageID: strings.Clone(m.Dest.Addr)}, nil
	})
}

func TestClientBalances(t *testing.T) {
	bubble(t, "by free window", func(t *testing.T) {
		var n network
		g := newGate()
		a := n.serve(t, "a", &smpp.Server{Handler: g.handler(), Window: 100})
		b := n.serve(t, "b", &smpp.Server{Handler: g.handler(), Window: 100})
		c := connect(t, &n, &smpp.Client{
			Targets: []smpp.Target{{URL: "smpp://a"}, {URL: "smpp://b", Config: &smpp.Config{Window: 30, Dialer: &n, Logger: quiet}, Sessions: 1}}, Sessions: 2,
		})
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if _, err := c.Submit(t.Context(), to(i)); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		// Two windows of 10 with one target, one of 30 with the other: all full.
		if g.count() != 50 {
			t.Errorf("%d requests are on their way, want 50", g.count())
		}
		for _, l := range c.Links() {
			if n, want := l.Session.Outstanding(), map[int]int{0: 10, 1: 30}[l.Target]; n != want {
				t.Errorf("link %d: %d outstanding, want %d", l.Index, n, want)
			}
		}
		if len(a.Sessions()) != 2 || len(b.Sessions()) != 1 {
			t.Errorf("%d and %d sessions", len(a.Sessions()), len(b.Sessions()))
		}
		wg.Go(func() {
			if _, err := c.Submit(t.Context(), to(50)); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if s := c.Stats(); s.Waiting != 1 || s.Bound != 3 || s.Requests != 51 {
			t.Errorf("%+v", s)
		}
		close(g.open)
		wg.Wait()
	})

	bubble(t, "the first free slot of any session", func(t *testing.T) {
		var n network
		open := make(chan struct{})
		handler := func(open chan struct{}) smpp.Handler {
			return onSubmit(func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
				select {
				case <-open:
				case <-ctx.Done():
				}
				return nil, nil
			})
		}
		n.serve(t, "stuck", &smpp.Server{Handler: handler(nil), Window: 100})
		n.serve(t, "good", &smpp.Server{Handler: handler(open), Window: 100})
		c := connect(t, &n, &smpp.Client{Targets: targets("stuck", "good"), Config: &smpp.Config{Window: 5}})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		var mu sync.Mutex
		outcomes := map[smpp.OutcomeKind]int{}
		for i := range 100 {
			wg.Go(func() {
				_, err := c.Submit(ctx, to(i))
				mu.Lock()
				outcomes[smpp.Outcome(err)]++
				mu.Unlock()
			})
		}
		synctest.Wait()
		close(open)
		wg.Wait()
		if outcomes[smpp.Accepted] != 95 || outcomes[smpp.Unknown] != 5 {
			t.Errorf("%v, want 95 accepted and the 5 of the session that is stuck unknown", outcomes)
		}
	})
}

func TestClientFailsOver(t *testing.T) {
	bubble(t, "by priority, and back", func(t *testing.T) {
		var n network
		var first, second acceptedLog
		primary := n.serve(t, "primary", &smpp.Server{Handler: first.handler()})
		n.serve(t, "backup", &smpp.Server{Handler: second.handler()})
		list := targets("backup", "primary")
		list[0].Priority = 1
		c := connect(t, &n, &smpp.Client{Targets: list})
		submit := func(i int) {
			t.Helper()
			if _, err := c.Submit(t.Context(), to(i)); err != nil {
				t.Error(err)
			}
		}
		submit(1)
		_ = primary.Close()
		synctest.Wait()
		submit(2)
		n.serve(t, "primary", &smpp.Server{Handler: first.handler()})
		time.Sleep(time.Minute)
		submit(3)
		if a, b := first.all(), second.all(); !slices.Equal(a, []string{"1", "3"}) || !slices.Equal(b, []string{"2"}) {
			t.Errorf("primary %v, backup %v", a, b)
		}
	})

	bubble(t, "one address dead from the start", func(t *testing.T) {
		var n network
		var got acceptedLog
		n.serve(t, "alive", &smpp.Server{Handler: got.handler()})
		c := connect(t, &n, &smpp.Client{Targets: targets("dead", "alive")})
		for i := range 5 {
			if _, err := c.Submit(t.Context(), to(i)); err != nil {
				t.Error(err)
			}
		}
		l := c.Links()
		if l[0].State != smpp.LinkWaiting || !errors.Is(l[0].Err, syscall.ECONNREFUSED) || l[0].Failures != 1 || l[1].State != smpp.LinkBound || l[1].Session == nil {
			t.Errorf("%+v", l)
		}
	})
}

// silent is a message center that grants the bind and then answers nothing at
// all: its host went away without a word.
func silent(t *testing.T, received *acceptedLog, during func(h pdu.Header, conn net.Conn) bool) func() net.Conn {
	return func() net.Conn {
		near, far := smpptest.Pipe()
		r := &raw{far, t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				h, body, frame := r.next()
				switch {
				case frame == nil:
					return
				case h.Command == pdu.IDBindTransceiver:
					r.send(pdu.Header{Sequence: h.Sequence}, &pdu.BindTransceiverResp{})
				case h.Command == pdu.IDSubmitSM:
					received.add(body.(*pdu.SubmitSM).Dest.Addr)
				}
				if during != nil && during(h, far) {
					return
				}
			}
		}()
		t.Cleanup(func() { _ = far.Close(); <-done })
		return near
	}
}

func TestClientLosesSessions(t *testing.T) {
	bubble(t, "outcome unknown: not sent again; not sent: moved", func(t *testing.T) {
		var n network
		var lost, kept acceptedLog
		var cut net.Conn
		n.set("lost", silent(t, &lost, func(_ pdu.Header, conn net.Conn) bool { cut = conn; return false }))
		c := connect(t, &n, &smpp.Client{Targets: targets("lost"), Config: &smpp.Config{Window: 10}})
		var wg sync.WaitGroup
		var mu sync.Mutex
		outcomes := map[smpp.OutcomeKind][]string{}
		for i := range 30 {
			wg.Go(func() {
				m := to(i)
				_, err := c.Submit(t.Context(), m)
				mu.Lock()
				defer mu.Unlock()
				outcomes[smpp.Outcome(err)] = append(outcomes[smpp.Outcome(err)], m.Dest.Addr)
			})
		}
		synctest.Wait() // the window is full, 20 wait
		n.serve(t, "lost", &smpp.Server{Handler: kept.handler()})
		_ = cut.Close()
		wg.Wait()
		same := func(a, b []string) bool {
			slices.Sort(a)
			slices.Sort(b)
			return slices.Equal(a, b)
		}
		if len(outcomes[smpp.Unknown]) != 10 || !same(outcomes[smpp.Unknown], lost.all()) {
			t.Errorf("unknown: %v; the lost session had %v", outcomes[smpp.Unknown], lost.all())
		}
		if len(outcomes[smpp.Accepted]) != 20 || !same(outcomes[smpp.Accepted], kept.all()) {
			t.Errorf("accepted: %v; the next session had %v", outcomes[smpp.Accepted], kept.all())
		}
		if s := c.Stats(); s.Moved != 20 {
			t.Errorf("%d moved", s.Moved)
		}
	})

	bubble(t, "half-open", func(t *testing.T) {
		var n network
		var nowhere, got acceptedLog
		n.set("mc", silent(t, &nowhere, nil))
		lost := make(chan smpp.Link, 1)
		c := connect(t, &n, &smpp.Client{Targets: targets("mc"), LinkChanged: func(l smpp.Link) {
			if l.Lost && l.State == smpp.LinkWaiting {
				lost <- l
			}
		}})
		n.serve(t, "mc", &smpp.Server{Handler: got.handler()})
		begin := time.Now()
		if l := <-lost; !errors.Is(l.Err, smpp.ErrDeadPeer) || l.Session == nil || l.Wait <= 0 {
			t.Errorf("%+v", l)
		}
		if d := time.Since(begin); d > 2*time.Minute {
			t.Errorf("noticed after %v", d)
		}
		if _, err := c.Submit(t.Context(), message); err != nil {
			t.Error(err)
		}
		if len(nowhere.all()) != 0 || len(got.all()) != 1 {
			t.Errorf("%v, %v", nowhere.all(), got.all())
		}
	})

	bubble(t, "unbound by the message center", func(t *testing.T) {
		var n network
		var got acceptedLog
		srv := n.serve(t, "mc", &smpp.Server{Handler: got.handler()})
		c := connect(t, &n, &smpp.Client{Targets: targets("mc")})
		for i := range 3 {
			for _, s := range srv.Sessions() {
				_ = s.Close()
			}
			if _, err := c.Submit(t.Context(), to(i)); err != nil {
				t.Error(err)
			}
		}
		if len(got.all()) != 3 || c.Links()[0].Binds < 3 {
			t.Errorf("%v, %+v", got.all(), c.Links())
		}
	})
}

func TestClientBackoff(t *testing.T) {
	bubble(t, "bounds", func(t *testing.T) {
		var n network
		c := &smpp.Client{Targets: targets("dead")}
		start(t, &n, c)
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		if err := c.Connect(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		at := n.dialed("dead")
		var sum time.Duration
		for i := 1; i < len(at); i++ {
			pause, most := at[i].Sub(at[i-1]), min(5*time.Second<<min(i-1, 10), time.Minute)
			if pause <= 0 || pause > most {
				t.Errorf("pause %d: %v, at most %v", i, pause, most)
			}
			sum += pause
		}
		// 60 s at most, 30 on average: about 2,880 a day.
		if len(at) < 2500 || len(at) > 3300 {
			t.Errorf("%d attempts in a day", len(at))
		}
	})

	bubble(t, "sessions that end at once", func(t *testing.T) {
		var n network
		srv := n.serve(t, "mc", &smpp.Server{})
		srv.Bound = func(s *smpp.Session) { _ = s.Close() }
		c := &smpp.Client{Targets: targets("mc")}
		start(t, &n, c)
		_ = c.Done() // it starts
		time.Sleep(time.Hour)
		if l := c.Links()[0]; l.Binds > 250 || l.Binds < 60 {
			t.Errorf("%d binds in an hour", l.Binds)
		}
	})

	bubble(t, "no herd", func(t *testing.T) {
		var n network
		srv := n.serve(t, "mc", &smpp.Server{})
		const clients = 1000
		for range clients {
			connect(t, &n, &smpp.Client{Targets: targets("mc")})
		}
		time.Sleep(5 * time.Minute) // an old session begins with the shortest pause
		before := len(n.dialed("mc"))
		_ = srv.Close()
		n.serve(t, "mc", &smpp.Server{})
		from := time.Now()
		time.Sleep(10 * time.Second)
		var buckets [10]int // of half a second
		for _, at := range n.dialed("mc")[before:] {
			d := at.Sub(from)
			if d > 5*time.Second+time.Second {
				t.Errorf("an attempt after %v", d)
			}
			buckets[min(int(d/(500*time.Millisecond)), 9)]++
		}
		for i, n := range buckets {
			if n < 50 || n > 170 { // 100 on average, standard deviation 9.5
				t.Errorf("%d attempts in half second %d: %v", n, i, buckets)
			}
		}
	})
}

func TestClientGivesUp(t *testing.T) {
	refusing := func(status pdu.Status) *smpp.Server {
		return &smpp.Server{Authenticate: func(context.Context, *pdu.Bind) (*smpp.Account, error) { return nil, status }}
	}
	for _, status := range []pdu.Status{pdu.StatusInvalidPassword, pdu.StatusInvalidSystemID, pdu.StatusBindFailed} {
		bubble(t, status.String(), func(t *testing.T) {
			var n network
			n.serve(t, "mc", refusing(status))
			c := &smpp.Client{Targets: targets("mc"), Sessions: 2}
			start(t, &n, c)
			err := c.Connect(t.Context())
			if !errors.Is(err, smpp.ErrGaveUp) || !errors.Is(err, status) {
				t.Errorf("Connect: %v", err)
			}
			_, err = c.Submit(t.Context(), message)
			isRequestError(t, err, smpp.NeverSent, true, status)
			err = smpp.Go(t.Context(), c, message, func(*pdu.SubmitSMResp, error) { t.Error("called") })
			isRequestError(t, err, smpp.NeverSent, true, smpp.ErrGaveUp)
			<-c.Done()
			if err := c.Err(); !errors.Is(err, smpp.ErrGaveUp) || strings.Contains(err.Error(), "secret") || strings.Count(err.Error(), status.String()) != 1 {
				t.Error(err)
			}
			time.Sleep(time.Hour)
			if got := n.dialed("mc"); len(got) != 1 { // for both sessions
				t.Errorf("dialed %d times", len(got))
			}
			if s := c.Stats(); s.GaveUp != 2 || s.Links != 2 || s.Bound != 0 {
				t.Errorf("%+v", s)
			}
		})
	}

	bubble(t, "on one of two", func(t *testing.T) {
		var n network
		var got acceptedLog
		n.serve(t, "wrong", refusing(pdu.StatusInvalidPassword))
		n.serve(t, "right", &smpp.Server{Handler: got.handler()})
		c := connect(t, &n, &smpp.Client{Targets: targets("wrong", "right")})
		if _, err := c.Submit(t.Context(), message); err != nil {
			t.Error(err)
		}
		if l := c.Links()[0]; l.State != smpp.LinkGaveUp || !errors.Is(l.Err, pdu.StatusInvalidPassword) {
			t.Errorf("%+v", l)
		}
		if c.Err() != nil {
			t.Error(c.Err())
		}
	})

	bubble(t, "later, when it had been bound", func(t *testing.T) {
		var n network
		srv := n.serve(t, "mc", &smpp.Server{})
		c := connect(t, &n, &smpp.Client{Targets: targets("mc")})
		n.serve(t, "mc", refusing(pdu.StatusBindFailed))
		_ = srv.Close()
		<-c.Done()
		if got := n.dialed("mc"); len(got) != 11 {
			t.Errorf("dialed %d times", len(got))
		}
		if !errors.Is(c.Err(), pdu.StatusBindFailed) {
			t.Error(c.Err())
		}
	})

	bubble(t, "as GiveUp says", func(t *testing.T) {
		var n network
		c := &smpp.Client{Targets: targets("dead"), GiveUp: func(l smpp.Link) bool { return l.Failures == 3 }}
		start(t, &n, c)
		if err := c.Connect(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Error(err)
		}
		if got := n.dialed("dead"); len(got) != 3 {
			t.Errorf("dialed %d times", len(got))
		}
	})

	bubble(t, "not on other statuses", func(t *testing.T) {
		var n network
		n.serve(t, "mc", refusing(pdu.StatusThrottled))
		c := &smpp.Client{Targets: targets("mc")}
		start(t, &n, c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := c.Connect(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		n.serve(t, "mc", &smpp.Server{})
		if err := c.Connect(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestClientWaitsForSession(t *testing.T) {
	bubble(t, "until one is bound", func(t *testing.T) {
		var n network
		var got acceptedLog
		c := &smpp.Client{Targets: targets("mc")}
		start(t, &n, c)
		time.AfterFunc(time.Minute, func() { n.serve(t, "mc", &smpp.Server{Handler: got.handler()}) })
		if _, err := c.Submit(t.Context(), message); err != nil {
			t.Error(err)
		}
	})
	bubble(t, "until its context ends", func(t *testing.T) {
		var n network
		c := &smpp.Client{Targets: targets("dead")}
		start(t, &n, c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Submit(ctx, message)
		isRequestError(t, err, smpp.NeverSent, true, context.DeadlineExceeded)
		isRequestError(t, smpp.Go(ctx, c, message, func(*pdu.SubmitSMResp, error) { t.Error("called") }), smpp.NeverSent, true, context.DeadlineExceeded)
	})
	bubble(t, "not with FailFast", func(t *testing.T) {
		var n network
		c := &smpp.Client{Targets: targets("mc"), FailFast: true}
		start(t, &n, c)
		_, err := c.Submit(t.Context(), message)
		isRequestError(t, err, smpp.NeverSent, true, smpp.ErrNoSession)
		n.serve(t, "mc", &smpp.Server{Handler: byAddress})
		if err := c.Connect(t.Context()); err != nil { // it waits all the same
			t.Error(err)
		}
		if _, err := c.Submit(t.Context(), message); err != nil {
			t.Error(err)
		}
	})
}

func TestClientBindModes(t *testing.T) {
	bubble(t, "transmitters and a receiver", func(t *testing.T) {
		var n network
		srv := n.serve(t, "mc", &smpp.Server{Handler: onSubmit(func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
			return &pdu.SubmitSMResp{MessageID: smpp.SessionFrom(ctx).BindMode().String()}, nil
		})})
		from := make(chan *smpp.Session, 1)
		c := connect(t, &n, &smpp.Client{Targets: targets("mc"), Sessions: 2, Receivers: 1, Config: &smpp.Config{Bind: smpp.Transmitter,
			Handler: smpp.HandlerFor(func(ctx context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
				from <- smpp.SessionFrom(ctx)
				return nil, nil
			})}})
		for range 10 {
			if resp, err := c.Submit(t.Context(), message); err != nil || resp.MessageID != "transmitter" {
				t.Errorf("%v, %v", resp, err)
			}
		}
		delivered := 0
		for _, s := range srv.Sessions() {
			if s.BindMode() == smpp.Receiver {
				if _, err := s.Deliver(t.Context(), &pdu.DeliverSM{}); err != nil {
					t.Error(err)
				}
				delivered++
			}
		}
		if s := <-from; delivered != 1 || s.BindMode() != smpp.Receiver || s != c.Links()[2].Session {
			t.Errorf("%d, %v", delivered, s.BindMode())
		}
	})
	bubble(t, "transmitters given up", func(t *testing.T) {
		var n network
		n.serve(t, "mc", &smpp.Server{Authenticate: func(ctx context.Context, _ *pdu.Bind) (*smpp.Account, error) {
			if smpp.SessionFrom(ctx).BindMode() == smpp.Transmitter {
				<-time.After(time.Second)
				return nil, pdu.StatusBindFailed
			}
			return nil, nil
		}})
		c := &smpp.Client{Targets: targets("mc"), Receivers: 1, Config: &smpp.Config{Bind: smpp.Transmitter}}
		start(t, &n, c)
		_, err := c.Submit(t.Context(), message) // waits, and is told
		isRequestError(t, err, smpp.NeverSent, true, pdu.StatusBindFailed)
		if !errors.Is(err, smpp.ErrGaveUp) || c.Err() != nil {
			t.Errorf("%v, %v", err, c.Err())
		}
	})
	bubble(t, "receivers alone", func(t *testing.T) {
		var n network
		n.serve(t, "mc", &smpp.Server{})
		c := connect(t, &n, &smpp.Client{Targets: targets("mc"), Config: &smpp.Config{Bind: smpp.Receiver}})
		_, err := c.Submit(t.Context(), message)
		var state *smpp.StateError
		if !errors.As(err, &state) || smpp.Outcome(err) != smpp.NeverSent {
			t.Error(err)
		}
	})
}

func TestClientSettings(t *testing.T) {
	for _, test := range []struct {
		name   string
		client *smpp.Client
		want   string
	}{
		{"no targets", &smpp.Client{}, "no targets"},
		{"no scheme", &smpp.Client{Targets: []smpp.Target{{URL: "smsc.example.com"}}}, "must begin with smpp://"},
		{"second target", &smpp.Client{Targets: []smpp.Target{{URL: "smpp://a"}, {URL: "http://b"}}}, "target 2 of 2"},
		{"password", &smpp.Client{Targets: []smpp.Target{{URL: "smpp://a:0123456789@b"}}}, "password: 10 octets"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.client.Connect(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "0123456789") {
				t.Errorf("Connect: %v, want %q", err, test.want)
			}
			_, err = test.client.Submit(t.Context(), message)
			if err == nil || !strings.Contains(err.Error(), test.want) || smpp.Outcome(err) != smpp.NeverSent {
				t.Errorf("Submit: %v, want %q", err, test.want)
			}
			<-test.client.Done()
			if err := test.client.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	bubble(t, "what cannot be encoded", func(t *testing.T) {
		var n network
		n.serve(t, "mc", &smpp.Server{})
		c := &smpp.Client{Targets: targets("mc"), Config: &smpp.Config{SystemID: "longer than 15 octets"}}
		start(t, &n, c)
		if err := c.Connect(t.Context()); !errors.Is(err, smpp.ErrGaveUp) || !strings.Contains(err.Error(), "system_id") {
			t.Error(err)
		}
	})
}

func TestClientEnds(t *testing.T) {
	bubble(t, "Close before the start", func(t *testing.T) {
		c := &smpp.Client{Targets: targets("mc")}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := c.Connect(t.Context()); !errors.Is(err, smpp.ErrClosed) {
			t.Error(err)
		}
		<-c.Done()
		_ = c.Close()
	})
	bubble(t, "Close while it dials", func(t *testing.T) {
		c := &smpp.Client{Targets: targets("mc"), Config: &smpp.Config{Logger: quiet, Dialer: dialFunc(func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})}}
		failed := make(chan error)
		go func() {
			_, err := c.Submit(t.Context(), message)
			failed <- err
		}()
		synctest.Wait()
		if l := c.Links()[0]; l.State != smpp.LinkConnecting {
			t.Errorf("%+v", l)
		}
		go c.Close()
		isRequestError(t, <-failed, smpp.NeverSent, true, smpp.ErrClosed)
		<-c.Done()
	})
	bubble(t, "the bind that nobody answers", func(t *testing.T) {
		var n network
		n.set("mc", func() net.Conn {
			near, far := smpptest.Pipe()
			t.Cleanup(func() { _ = far.Close() })
			return near
		})
		c := &smpp.Client{Targets: targets("mc"), ConnectTimeout: 10 * time.Second}
		start(t, &n, c)
		ctx, cancel := context.WithTimeout(t.Context(), 11*time.Second)
		defer cancel()
		_ = c.Connect(ctx)
		if l := c.Links()[0]; l.Failures == 0 || !errors.Is(l.Err, context.DeadlineExceeded) {
			t.Errorf("%+v", l)
		}
	})
	bubble(t, "Shutdown drains", func(t *testing.T) {
		var n network
		g := newGate()
		n.serve(t, "a", &smpp.Server{Handler: g.handler()})
		n.serve(t, "b", &smpp.Server{Handler: g.handler()})
		var states []smpp.LinkState
		var mu sync.Mutex
		c := connect(t, &n, &smpp.Client{Targets: targets("a", "b"), LinkChanged: func(l smpp.Link) {
			mu.Lock()
			defer mu.Unlock()
			if l.Index == 0 {
				states = append(states, l.State)
			}
		}})
		results := make(chan error, 30)
		for i := range 30 {
			go func() {
				_, err := c.Submit(t.Context(), to(i))
				results <- err
			}()
		}
		synctest.Wait()
		ended := make(chan error)
		go func() { ended <- c.Shutdown(t.Context()) }()
		for range 10 { // those that wait for a place
			isRequestError(t, <-results, smpp.NeverSent, true, net.ErrClosed)
		}
		synctest.Wait()
		if len(results) != 0 {
			t.Error("a request on its way was given up")
		}
		_, err := c.Submit(t.Context(), message)
		isRequestError(t, err, smpp.NeverSent, true, smpp.ErrClosed)
		close(g.open)
		for range 20 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		<-c.Done()
		if !errors.Is(c.Err(), smpp.ErrClosed) {
			t.Error(c.Err())
		}
		if want := []smpp.LinkState{smpp.LinkConnecting, smpp.LinkBinding, smpp.LinkBound, smpp.LinkClosed}; !slices.Equal(states, want) {
			t.Errorf("%v, want %v", states, want)
		}
	})
	bubble(t, "Shutdown with a context that ends", func(t *testing.T) {
		var n network
		g := newGate()
		n.serve(t, "a", &smpp.Server{Handler: g.handler()})
		c := connect(t, &n, &smpp.Client{Targets: targets("a")})
		result := make(chan error)
		go func() {
			_, err := c.Submit(t.Context(), message)
			result <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		done := make(chan error)
		go func() { done <- c.Shutdown(ctx) }()
		isRequestError(t, <-result, smpp.Unknown, false, net.ErrClosed)
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

type dialFunc func(ctx context.Context) (net.Conn, error)

func (f dialFunc) DialContext(ctx context.Context, _, _ string) (net.Conn, error) { return f(ctx) }

// A throttle refuses submissions while it is on, and notes the order of those
// that it takes.
type throttle struct {
	acceptedLog
	status  pdu.Status
	refuse  func(m *pdu.SubmitSM) bool
	refused int
}

func (r *throttle) handler() smpp.Handler {
	return smpp.Inline(onSubmit(func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		r.mu.Lock()
		refuse := r.refuse != nil && r.refuse(m)
		if refuse {
			r.refused++
		}
		r.mu.Unlock()
		if refuse {
			return nil, r.status
		}
		r.add(m.Dest.Addr + " " + string(m.ShortMessage))
		return &pdu.SubmitSMResp{MessageID: "1"}, nil
	}))
}

func (r *throttle) set(f func(m *pdu.SubmitSM) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = f
}

func text(dest string, n int) *pdu.SubmitSM {
	return &pdu.SubmitSM{Dest: pdu.International(dest), ShortMessage: []byte(strconv.Itoa(n))}
}

func always(*pdu.SubmitSM) bool { return true }

func TestClientRetries(t *testing.T) {
	for _, status := range []pdu.Status{pdu.StatusThrottled, pdu.StatusQueueFull} {
		bubble(t, status.String(), func(t *testing.T) {
			var n network
			r := &throttle{status: status, refuse: always}
			n.serve(t, "mc", &smpp.Server{Handler: r.handler()})
			c := connect(t, &n, &smpp.Client{Targets: targets("mc")})
			time.AfterFunc(10*time.Second, func() { r.set(nil) })
			if resp, err := c.Submit(t.Context(), message); err != nil || resp.MessageID != "1" {
				t.Errorf("%v, %v", resp, err)
			}
			// 250 ms, doubled: after 10 s, 5 to 7 times.
			if r.refused < 4 || r.refused > 8 || c.Stats().Retried != uint64(r.refused) || c.Stats().Held != 0 {
				t.Errorf("refused %d times, %+v", r.refused, c.Stats())
			}
		})
	}
	for _, test := range []struct {
		name   string
		client *smpp.Client
		status pdu.Status
		times  int
	}{
		{"Attempts 1", &smpp.Client{Attempts: 1}, pdu.StatusThrottled, 1},
		{"Attempts 3", &smpp.Client{Attempts: 3}, pdu.StatusThrottled, 3},
		{"another status", &smpp.Client{}, pdu.StatusSystemError, 1},
		{"Retry", &smpp.Client{Attempts: 4, Retry: func(e *smpp.ResponseError) bool { return e.Status.Temporary() }}, pdu.StatusSystemError, 4},
	} {
		bubble(t, test.name, func(t *testing.T) {
			var n network
			r := &throttle{status: test.status, refuse: always}
			n.serve(t, "mc", &smpp.Server{Handler: r.handler()})
			c := &smpp.Client{Targets: targets("mc"), Attempts: test.client.Attempts, Retry: test.client.Retry}
			connect(t, &n, c)
			_, err := c.Submit(t.Context(), message)
			isRequestError(t, err, smpp.Refused, true, test.status)
			if r.refused != test.times {
				t.Errorf("sent %d times, want %d", r.refused, test.times)
			}
			failed := make(chan error, 1)
			if err := smpp.Go(t.Context(), c, message, func(_ *pdu.SubmitSMResp, err error) { failed <- err }); err != nil {
				t.Fatal(err)
			}
			isRequestError(t, <-failed, smpp.Refused, true, test.status)
			if r.refused != 2*test.times {
				t.Errorf("sent %d times by Go, want %d", r.refused-test.times, test.times)
			}
		})
	}
	bubble(t, "until the context ends", func(t *testing.T) {
		var n network
		r := &throttle{status: pdu.StatusThrottled, refuse: always}
		n.serve(t, "mc", &smpp.Server{Handler: r.handler()})
		c := connect(t, &n, &smpp.Client{Targets: targets("mc")})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		failed := make(chan error, 3)
		if err := smpp.Go(ctx, c, text("2", 2), func(_ *pdu.SubmitSMResp, err error) { failed <- err }); err != nil {
			t.Fatal(err)
		}
		_, err := c.Submit(ctx, text("1", 1))
		isRequestError(t, err, smpp.Refused, true, pdu.StatusThrottled)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		isRequestError(t, <-failed, smpp.Refused, true, context.DeadlineExceeded)
		if s := c.Stats(); s.Held != 0 {
			t.Errorf("%+v", s)
		}
	})
	bubble(t, "until the client is closed", func(t *testing.T) {
		var n network
		r := &throttle{status: pdu.StatusThrottled, refuse: always}
		n.serve(t, "mc", &smpp.Server{Handler: r.handler()})
		c := connect(t, &n, &smpp.Client{Targets: targets("mc")})
		failed := make(chan error, 3)
		note := func(_ *pdu.SubmitSMResp, err error) { failed <- err }
		if err := smpp.Go(t.Context(), c, text("1", 1), note); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := smpp.Go(t.Context(), c, text("1", 2), note); err != nil { // behind the other
			t.Fatal(err)
		}
		_ = c.Close()
		got := map[smpp.OutcomeKind]int{}
		for range 2 {
			err := <-failed
			got[smpp.Outcome(err)]++
			if !errors.Is(err, smpp.ErrClosed) {
				t.Error(err)
			}
		}
		if got[smpp.Refused] != 1 || got[smpp.NeverSent] != 1 {
			t.Errorf("%v", got)
		}
	})
}

func TestClientKeepsOrder(t *testing.T) {
	bubble(t, "per destination, others go on", func(t *testing.T) {
		var n network
		r := &throttle{status: pdu.StatusThrottled, refuse: func(m *pdu.SubmitSM) bool { return m.Dest.Addr == "1" }}
		for _, host := range []string{"a", "b"} {
			n.serve(t, host, &smpp.Server{Handler: r.handler()})
		}
		c := connect(t, &n, &smpp.Client{Targets: targets("a", "b")})
		var wg sync.WaitGroup
		send := func(m *pdu.SubmitSM) {
			t.Helper()
			wg.Add(1)
			if err := smpp.Go(t.Context(), c, m, func(_ *pdu.SubmitSMResp, err error) {
				if err != nil {
					t.Error(err)
				}
				wg.Done()
			}); err != nil {
				t.Fatal(err)
			}
		}
		send(text("1", 0))
		synctest.Wait() // refused
		for i := 1; i < 40; i++ {
			if i%4 == 0 {
				wg.Go(func() {
					if _, err := c.Submit(t.Context(), text("1", i)); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
			} else {
				send(text("1", i))
			}
			send(text("2", i))
		}
		synctest.Wait()
		if got := r.all(); len(got) != 39 {
			t.Errorf("%d messages to the other destination arrived, want 39", len(got))
		}
		if s := c.Stats(); s.Held != 40 {
			t.Errorf("%+v", s)
		}
		time.AfterFunc(time.Minute, func() { r.set(nil) })
		wg.Wait()
		got := r.all()
		for i := range 40 {
			if got[39+i] != fmt.Sprintf("1 %d", i) {
				t.Errorf("%d: %q", i, got[39+i])
			}
		}
	})
	bubble(t, "refused on their way", func(t *testing.T) {
		var n network
		r := &throttle{status: pdu.StatusThrottled, refuse: always}
		n.serve(t, "mc", &smpp.Server{Handler: r.handler(), Window: 100})
		c := connect(t, &n, &smpp.Client{Targets: targets("mc"), Config: &smpp.Config{Window: 50}})
		var wg sync.WaitGroup
		for i := range 50 { // all in the window before the first is refused
			wg.Add(1)
			if err := smpp.Go(t.Context(), c, text("1", i), func(_ *pdu.SubmitSMResp, err error) { wg.Done() }); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		r.set(nil)
		wg.Wait()
		for i, got := range r.all() {
			if got != fmt.Sprintf("1 %d", i) {
				t.Errorf("%d: %q", i, got)
			}
		}
	})
	bubble(t, "submit_multi", func(t *testing.T) {
		var n network
		r := &throttle{status: pdu.StatusThrottled, refuse: func(m *pdu.SubmitSM) bool { return m.Dest.Addr == "1" }}
		mux := smpp.NewMux()
		mux.Handle(pdu.IDSubmitSM, r.handler())
		smpp.Handle(mux, func(_ context.Context, m *pdu.SubmitMulti) (*pdu.SubmitMultiResp, error) {
			r.add("multi")
			return nil, nil
		})
		n.serve(t, "mc", &smpp.Server{Handler: mux})
		c := connect(t, &n, &smpp.Client{Targets: targets("mc")})
		var wg sync.WaitGroup
		submit := func(f func() error) {
			wg.Go(func() {
				if err := f(); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		submit(func() error { _, err := c.Submit(t.Context(), text("1", 1)); return err })
		submit(func() error {
			_, err := c.SubmitMulti(t.Context(), &pdu.SubmitMulti{Dests: []pdu.Destination{{Address: pdu.International("1")}, {Address: pdu.International("2")}, {List: "1"}}})
			return err
		})
		submit(func() error { _, err := c.Submit(t.Context(), text("2", 2)); return err }) // behind the multi
		submit(func() error { _, err := c.Submit(t.Context(), text("3", 3)); return err })
		time.AfterFunc(time.Minute, func() { r.set(nil) })
		wg.Wait()
		if got, want := r.all(), []string{"3 3", "1 1", "multi", "2 2"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
	bubble(t, "bounded", func(t *testing.T) {
		var n network
		r := &throttle{status: pdu.StatusThrottled, refuse: func(m *pdu.SubmitSM) bool { return m.Dest.Addr == "1" }}
		n.serve(t, "mc", &smpp.Server{Handler: r.handler()})
		c := connect(t, &n, &smpp.Client{Targets: targets("mc"), Held: 5})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		send := func(ctx context.Context, m *pdu.SubmitSM) error {
			wg.Add(1)
			err := smpp.Go(ctx, c, m, func(*pdu.SubmitSMResp, error) { wg.Done() })
			if err != nil {
				wg.Done()
			}
			return err
		}
		for i := range 6 { // the first is refused, five are held
			if err := send(ctx, text("1", i)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		short, end := context.WithTimeout(t.Context(), time.Minute)
		defer end()
		isRequestError(t, send(short, text("1", 7)), smpp.NeverSent, true, context.DeadlineExceeded)
		if err := send(ctx, text("2", 1)); err != nil {
			t.Error(err)
		}
		r.set(nil)
		if err := send(ctx, text("1", 8)); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
}

// A header alone is no body to those who see PDUs as they are, and an empty
// response to those who name a type.
func TestClientEmptyResponse(t *testing.T) {
	bubble(t, "RoundTrip, Do and Go", func(t *testing.T) {
		var n network
		refuse := false
		n.serve(t, "mc", &smpp.Server{Handler: smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
			status := pdu.StatusOK
			if refuse = !refuse; refuse {
				status = pdu.StatusThrottled
			}
			_ = w.Respond(status, nil)
		})})
		c := connect(t, &n, &smpp.Client{Targets: targets("mc")})
		req := &pdu.CancelSM{MessageID: "1"} // its response has no fields
		if r, err := c.Cancel(t.Context(), req); r == nil || err != nil {
			t.Errorf("Do: %v, %v", r, err)
		}
		if r, err := c.RoundTrip(t.Context(), req); err != nil {
			t.Errorf("RoundTrip: %v, %v", r, err)
		}
		type answer struct {
			body pdu.Body
			err  error
		}
		got := make(chan answer, 1)
		if err := smpp.Go(t.Context(), c, req, func(r *pdu.CancelSMResp, err error) {
			if r == nil {
				t.Error("Go: no response")
			}
			got <- answer{r, err}
		}); err != nil {
			t.Fatal(err)
		}
		if a := <-got; a.err != nil {
			t.Errorf("Go: %v", a.err)
		}
		if err := c.Go(t.Context(), req, func(body pdu.Body, err error) { got <- answer{body, err} }); err != nil {
			t.Fatal(err)
		}
		if a := <-got; a.err != nil {
			t.Errorf("Client.Go: %v", a.err)
		}
		if n := c.Stats().Retried; n != 4 {
			t.Errorf("%d sent again, want 4", n)
		}
	})
}

// A request that is given up after it was given a free slot leaves it to the next
// that waits.
func TestClientPassesASlotOn(t *testing.T) {
	bubble(t, "given up", func(t *testing.T) {
		var n network
		a, b := newGate(), newGate()
		n.serve(t, "a", &smpp.Server{Handler: a.handler()})
		n.serve(t, "b", &smpp.Server{Handler: b.handler()})
		c := connect(t, &n, &smpp.Client{Targets: targets("a", "b"), Config: &smpp.Config{
			Window: 1, ResponseTimeout: time.Hour, MessageRate: smpp.Rate{PerSecond: 0.1, Burst: 1}}})
		sent := make(chan error, 4)
		send := func(ctx context.Context) {
			go func() {
				_, err := c.Submit(ctx, message)
				sent <- err
			}()
			synctest.Wait()
		}
		send(t.Context())
		send(t.Context())
		ctx, cancel := context.WithCancel(t.Context())
		send(ctx)
		send(t.Context())
		if st := c.Stats(); st.Waiting != 2 || a.count() != 1 || b.count() != 1 {
			t.Fatalf("%+v, %d and %d handled", st, a.count(), b.count())
		}
		close(a.open) // the first that waits has the slot, and waits for the rate
		synctest.Wait()
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		cancel()
		isRequestError(t, <-sent, smpp.NeverSent, true, context.Canceled)
		select {
		case err := <-sent:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Error("the second that waited has no slot, though one is free")
			close(b.open)
		}
	})
}

// A request that was refused is told as such, whatever then made the client give
// up: the errors of its binds say nothing about it.
func TestClientGivesUpOnARefusedRequest(t *testing.T) {
	bubble(t, "a bind that cannot be encoded", func(t *testing.T) {
		var n network
		r := &throttle{status: pdu.StatusThrottled, refuse: always}
		a := n.serve(t, "a", &smpp.Server{Handler: r.handler()})
		var over atomic.Bool
		list := append(targets("a"), smpp.Target{URL: "smpp://b", Config: &smpp.Config{Dialer: &n, Logger: quiet, SystemType: "longer than it may be"}})
		n.serve(t, "b", &smpp.Server{})
		c := connect(t, &n, &smpp.Client{Targets: list, GiveUp: func(l smpp.Link) bool { return l.Target == 1 || over.Load() }})
		failed := make(chan error, 1)
		go func() {
			_, err := c.Submit(t.Context(), message)
			failed <- err
		}()
		synctest.Wait()
		over.Store(true)
		n.set("a", nil)
		_ = a.Close()
		err := <-failed
		if smpp.Outcome(err) != smpp.Refused || !errors.Is(err, pdu.StatusThrottled) || !errors.Is(err, smpp.ErrGaveUp) {
			t.Errorf("%v: %v", smpp.Outcome(err), err)
		}
	})
}

// What the pauses between attempts are with settings that are unusual.
func TestClientRetryBackoffs(t *testing.T) {
	for _, test := range []struct {
		name        string
		first, most time.Duration
		least       time.Duration // of three pauses
	}{
		{"negative, as zero", -1, -1, (250 + 500 + 1000) * time.Millisecond / 2},
		{"the first longer than the default of the longest", time.Minute, 0, 90 * time.Second},
	} {
		bubble(t, test.name, func(t *testing.T) {
			var n network
			r := &throttle{status: pdu.StatusThrottled, refuse: always}
			n.serve(t, "mc", &smpp.Server{Handler: r.handler()})
			c := connect(t, &n, &smpp.Client{Targets: targets("mc"), RetryBackoff: test.first, MaxRetryBackoff: test.most, Attempts: 4})
			start := time.Now()
			if _, err := c.Submit(t.Context(), message); !errors.Is(err, pdu.StatusThrottled) || r.refused != 4 {
				t.Errorf("%d times, %v", r.refused, err)
			}
			if d := time.Since(start); d < test.least || d > 3*test.least {
				t.Errorf("3 pauses took %v", d)
			}
		})
	}
}
