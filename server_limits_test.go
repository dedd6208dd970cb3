package smpp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
	"github.com/godwit-sms/smpp/tlv"
)

// from is a connection from an address.
type from struct {
	net.Conn
	addr net.Addr
}

func (c from) RemoteAddr() net.Addr { return c.addr }

func tcp(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 40000} }

// dialFrom connects a raw ESME from an address. The session is nil if it was
// refused at once.
func dialFrom(t *testing.T, srv *smpp.Server, addr net.Addr) (*raw, *smpp.Session) {
	t.Helper()
	near, far := smpptest.Pipe()
	s := srv.ServeConn(from{far, addr})
	t.Cleanup(func() {
		_ = near.Close()
		if s != nil {
			<-s.Done()
		}
	})
	return &raw{near, t}, s
}

func (r *raw) status(req pdu.BindRequest) pdu.Status {
	r.t.Helper()
	h, _ := r.bind(req)
	return h.Status
}

func trx(id, password string) pdu.BindRequest {
	return &pdu.BindTransceiver{Bind: pdu.Bind{SystemID: id, Password: password, InterfaceVersion: pdu.V50}}
}

// onlySecret lets in who knows the password.
func onlySecret(account smpp.Account) func(context.Context, *pdu.Bind) (*smpp.Account, error) {
	return func(_ context.Context, b *pdu.Bind) (*smpp.Account, error) {
		if !smpp.SecureEqual(b.Password, "secret") {
			return nil, pdu.StatusBindFailed
		}
		a := account
		return &a, nil
	}
}

func TestConnectionLimits(t *testing.T) {
	type peer struct {
		addr string
		bind bool
		want string // "", "refused" at once, "ended" once its address is known
	}
	for _, test := range []struct {
		name   string
		limits smpp.Limits
		peers  []peer
	}{
		{"of the server", smpp.Limits{Connections: 2}, []peer{{"192.0.2.1", true, ""}, {"192.0.2.2", false, ""}, {"192.0.2.3", false, "refused"}}},
		{"unbound", smpp.Limits{Unbound: 1}, []peer{{"192.0.2.1", true, ""}, {"192.0.2.2", true, ""}, {"192.0.2.3", false, ""}, {"192.0.2.4", false, "refused"}}},
		{"per address", smpp.Limits{ConnectionsPerAddress: 1}, []peer{{"192.0.2.1", true, ""}, {"192.0.2.1", false, "ended"}, {"192.0.2.2", true, ""}}},
		{"unbound per address", smpp.Limits{UnboundPerAddress: 1}, []peer{{"192.0.2.1", true, ""}, {"192.0.2.1", false, ""}, {"192.0.2.1", false, "ended"}, {"192.0.2.2", false, ""}}},
		{"IPv6 by /64", smpp.Limits{ConnectionsPerAddress: 1}, []peer{{"2001:db8::1", true, ""}, {"2001:db8::ffff:1", false, "ended"}, {"2001:db8:0:1::1", false, ""}}},
		{"IPv4 in IPv6", smpp.Limits{ConnectionsPerAddress: 1}, []peer{{"192.0.2.1", true, ""}, {"::ffff:192.0.2.1", false, "ended"}}},
		{"no address", smpp.Limits{ConnectionsPerAddress: 1}, []peer{{"", true, ""}, {"", true, ""}}},
		{"none", smpp.Limits{}, []peer{{"192.0.2.1", false, ""}, {"192.0.2.1", false, ""}, {"192.0.2.1", false, ""}}},
	} {
		bubble(t, test.name, func(t *testing.T) {
			srv := &smpp.Server{Limits: test.limits, Logger: quiet}
			var live []*raw
			var sessions []*smpp.Session
			for i, p := range test.peers {
				addr := tcp(p.addr)
				if p.addr == "" {
					addr = from{}.addr
				}
				r, s := dialFrom(t, srv, addr)
				if (s == nil) != (p.want == "refused") {
					t.Fatalf("peer %d: session %v", i, s)
				}
				if p.want != "" {
					r.wantEnd()
				}
				if p.want == "ended" {
					<-s.Done()
					if !errors.Is(s.Err(), smpp.ErrTooManyConnections) || !errors.Is(s.Err(), net.ErrClosed) {
						t.Errorf("peer %d: %v", i, s.Err())
					}
				}
				if p.want == "" {
					if p.bind {
						r.bound()
					}
					r.alive()
					live, sessions = append(live, r), append(sessions, s)
				}
			}
			bound := 0
			for _, p := range test.peers {
				if p.bind {
					bound++
				}
			}
			st := srv.Stats()
			if refused := len(test.peers) - len(live); st.Accepted != uint64(len(test.peers)) || st.RefusedAddress+st.RefusedServer != uint64(refused) ||
				st.Connections != len(live) || st.Bound != bound || len(srv.Sessions()) != len(live) {
				t.Errorf("%+v with %d of %d living", st, len(live), len(test.peers))
			}
			// Whoever leaves makes room: everything is taken again.
			for i, r := range live {
				_ = r.Close()
				<-sessions[i].Done()
			}
			if st := srv.Stats(); st.Connections != 0 || st.Bound != 0 {
				t.Errorf("with nobody left: %+v", st)
			}
			r, s := dialFrom(t, srv, tcp("192.0.2.1"))
			if s == nil {
				t.Fatal("refused though nobody is left")
			}
			r.bound()
		})
	}
}

func TestBindLimits(t *testing.T) {
	tx := func(id string) pdu.BindRequest {
		return &pdu.BindTransmitter{Bind: pdu.Bind{SystemID: id, InterfaceVersion: pdu.V34}}
	}
	rx := func(id string) pdu.BindRequest {
		return &pdu.BindReceiver{Bind: pdu.Bind{SystemID: id, InterfaceVersion: pdu.V34}}
	}
	for _, test := range []struct {
		name    string
		account smpp.Account
		status  pdu.Status // of Limits
		first   []pdu.BindRequest
		refused pdu.BindRequest
		taken   pdu.BindRequest // all the same
		want    pdu.Status
	}{
		{"all", smpp.Account{MaxBinds: 2}, 0, []pdu.BindRequest{tx("a"), rx("a")}, trx("a", ""), trx("b", ""), pdu.StatusBindFailed},
		{"transmitters", smpp.Account{MaxTransmitters: 1}, 0, []pdu.BindRequest{tx("a")}, tx("a"), rx("a"), pdu.StatusBindFailed},
		{"receivers", smpp.Account{MaxReceivers: 1}, pdu.StatusAlreadyBound, []pdu.BindRequest{rx("a")}, rx("a"), tx("a"), pdu.StatusAlreadyBound},
		{"transceivers", smpp.Account{MaxTransceivers: 1}, 0, []pdu.BindRequest{trx("a", "")}, trx("a", ""), rx("a"), pdu.StatusBindFailed},
		{"one identity", smpp.Account{SystemID: "same", MaxBinds: 1}, 0, []pdu.BindRequest{trx("a", "")}, trx("b", ""), nil, pdu.StatusBindFailed},
	} {
		bubble(t, test.name, func(t *testing.T) {
			var log bytes.Buffer
			srv := &smpp.Server{Logger: slog.New(slog.NewTextHandler(&log, nil)), Limits: smpp.Limits{BindStatus: test.status},
				Authenticate: func(context.Context, *pdu.Bind) (*smpp.Account, error) { a := test.account; return &a, nil }}
			var holders []*raw
			for _, b := range test.first {
				r, _ := dialFrom(t, srv, nil)
				if st := r.status(b); st != pdu.StatusOK {
					t.Fatal(st)
				}
				holders = append(holders, r)
			}
			r, _ := dialFrom(t, srv, nil)
			if st := r.status(test.refused); st != test.want {
				t.Errorf("refused with %v, not %v", st, test.want)
			}
			synctest.Wait()
			if got := log.String(); !strings.Contains(got, "bind refused") || strings.Count(got, "\n") != 1 {
				t.Errorf("the log does not say so: %q", got)
			}
			if test.taken != nil {
				other, _ := dialFrom(t, srv, nil)
				if st := other.status(test.taken); st != pdu.StatusOK {
					t.Errorf("%v", st)
				}
			}
			if st := srv.Stats(); st.BindsRefused != 1 || st.BindsFailed != 0 {
				t.Errorf("%+v", st)
			}
			// An unbind makes room, before the connection is gone.
			holders[0].send(pdu.Header{Sequence: 5}, &pdu.Unbind{})
			holders[0].want(pdu.Header{Command: pdu.IDUnbindResp, Sequence: 5})
			if st := r.status(test.refused); st != pdu.StatusOK {
				t.Errorf("after an unbind, on the same connection: %v", st)
			}
		})
	}
}

// Many that bind at once are no more than may be.
func TestBindLimitRace(t *testing.T) {
	bubble(t, "at once", func(t *testing.T) {
		const most, all = 7, 100
		srv := &smpp.Server{Logger: quiet, Authenticate: func(context.Context, *pdu.Bind) (*smpp.Account, error) { return &smpp.Account{MaxBinds: most}, nil }}
		var ok atomic.Int32
		var wg sync.WaitGroup
		for range all {
			r, _ := dialFrom(t, srv, nil)
			wg.Go(func() {
				if r.status(trx("a", "")) == pdu.StatusOK {
					ok.Add(1)
				}
			})
		}
		wg.Wait()
		if st := srv.Stats(); ok.Load() != most || st.Binds != most || st.Bound != most || st.BindsRefused != all-most {
			t.Errorf("%d bound, %+v", ok.Load(), st)
		}
	})
}

func TestRateLimits(t *testing.T) {
	part := func(n byte) *pdu.SubmitSM {
		m := to(1)
		m.ESMClass = pdu.UDHI
		m.ShortMessage = []byte{5, 0, 3, 77, 20, n, 'x'}
		return m
	}
	multi := func(n int) *pdu.SubmitMulti {
		m := new(pdu.SubmitMulti)
		for i := range n {
			m.Dests = append(m.Dests, pdu.Destination{Address: pdu.International(fmt.Sprint(i + 1))})
		}
		return m
	}
	mux := smpp.NewMux()
	smpp.Handle(mux, func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) { return nil, nil })
	smpp.Handle(mux, func(context.Context, *pdu.SubmitMulti) (*pdu.SubmitMultiResp, error) { return nil, nil })
	smpp.Handle(mux, func(context.Context, *pdu.QuerySM) (*pdu.QuerySMResp, error) {
		return &pdu.QuerySMResp{State: pdu.StateEnroute}, nil
	})
	type step struct {
		wait    time.Duration
		session int
		body    pdu.Body
		n       int // times
		taken   int // of those
	}
	rate := smpp.Rate{PerSecond: 10, Burst: 5}
	for _, test := range []struct {
		name    string
		account smpp.Account
		steps   []step
	}{
		{"none", smpp.Account{MaxBinds: 9}, []step{{0, 0, to(1), 500, 500}}},
		{"of a session", smpp.Account{SessionRate: rate}, []step{{0, 0, to(1), 8, 5}, {0, 1, to(1), 8, 5}, {time.Second / 10, 0, to(1), 3, 1}, {time.Hour, 0, to(1), 9, 5}}},
		{"of the account", smpp.Account{Rate: rate}, []step{{0, 0, to(1), 3, 3}, {0, 1, to(1), 8, 2}, {time.Second / 5, 0, to(1), 1, 1}, {0, 1, to(1), 2, 1}}},
		{"both", smpp.Account{Rate: smpp.Rate{PerSecond: 10, Burst: 7}, SessionRate: rate}, []step{{0, 0, to(1), 9, 5}, {0, 1, to(1), 9, 2}}},
		{"what the account refuses costs the session nothing", smpp.Account{Rate: smpp.Rate{PerSecond: 10, Burst: 1}, SessionRate: smpp.Rate{PerSecond: 1, Burst: 2}},
			[]step{{0, 0, to(1), 5, 1}, {time.Second / 10, 0, to(1), 1, 1}}},
		{"destinations", smpp.Account{Rate: rate}, []step{{0, 0, multi(3), 1, 1}, {0, 0, multi(3), 1, 0}, {0, 0, multi(2), 1, 1}}},
		{"more destinations than a burst", smpp.Account{Rate: rate}, []step{{0, 0, multi(25), 1, 1}, {time.Second, 0, multi(25), 1, 0},
			{time.Second, 0, to(1), 1, 0}, {500 * time.Millisecond, 0, multi(25), 1, 1}}},
		{"lists", smpp.Account{Rate: rate, ListLen: func(name string) int { return map[string]int{"staff": 4, "odd": -3}[name] }}, []step{
			{0, 0, &pdu.SubmitMulti{Dests: []pdu.Destination{{List: "staff"}, {Address: pdu.International("1")}}}, 1, 1}, {0, 0, to(1), 1, 0},
			{500 * time.Millisecond, 0, &pdu.SubmitMulti{Dests: []pdu.Destination{{Flag: pdu.DestList, List: "none"}, {List: "odd"}}}, 3, 2}, {0, 0, to(1), 2, 1},
			{500 * time.Millisecond, 0, &pdu.SubmitMulti{ESMClass: pdu.UDHI, ShortMessage: []byte{5, 0, 3, 77, 2, 1, 'x'}, Dests: []pdu.Destination{{List: "staff"}}}, 1, 1},
			{0, 0, &pdu.SubmitMulti{ESMClass: pdu.UDHI, ShortMessage: []byte{5, 0, 3, 77, 2, 2, 'x'}, Dests: []pdu.Destination{{List: "staff"}}}, 1, 1}, {200 * time.Millisecond, 0, to(1), 1, 0}}},
		{"lists count as one if nobody says", smpp.Account{Rate: rate}, []step{{0, 0, &pdu.SubmitMulti{Dests: []pdu.Destination{{List: "staff"}}}, 6, 5}}},
		{"queries", smpp.Account{Rate: rate}, []step{{0, 0, &pdu.QuerySM{MessageID: "1"}, 7, 5}}},
		{"enquire_link is free", smpp.Account{Rate: rate}, []step{{0, 0, &pdu.EnquireLink{}, 50, 50}, {0, 0, to(1), 6, 5}}},
		{"parts are taken, and count", smpp.Account{Rate: smpp.Rate{PerSecond: 10, Burst: 1}}, []step{
			{0, 0, part(1), 1, 1}, {0, 0, part(2), 19, 19}, {0, 0, part(1), 1, 0}, {0, 0, to(1), 1, 0}, {1900 * time.Millisecond, 0, to(1), 1, 0}, {100 * time.Millisecond, 0, to(1), 2, 1}}},
		{"parts without end are not", smpp.Account{Rate: smpp.Rate{PerSecond: 1, Burst: 1}}, []step{{0, 0, part(2), 300, 256}, {time.Second, 0, part(3), 2, 1}}},
	} {
		bubble(t, test.name, func(t *testing.T) {
			srv := &smpp.Server{Handler: mux, Logger: quiet, Window: 1000, EnquireLink: -1,
				Authenticate: func(context.Context, *pdu.Bind) (*smpp.Account, error) { a := test.account; return &a, nil }}
			var peers []*raw
			for range 2 {
				r, _ := dialFrom(t, srv, nil)
				peers = append(peers, r.bound())
			}
			refused := 0
			for i, st := range test.steps {
				synctest.Wait()
				time.Sleep(st.wait)
				taken := 0
				for range st.n {
					peers[st.session].send(pdu.Header{Sequence: 9}, st.body)
					h, _, _ := peers[st.session].next()
					switch h.Status {
					case pdu.StatusOK:
						taken++
					case pdu.StatusThrottled:
						refused++
					default:
						t.Fatalf("step %d: %v", i, h)
					}
				}
				if taken != st.taken {
					t.Errorf("step %d: %d of %d taken, not %d", i, taken, st.n, st.taken)
				}
			}
			if st := srv.Stats(); st.Throttled != uint64(refused) {
				t.Errorf("%+v, not %d throttled", st, refused)
			}
		})
	}
	bubble(t, "binding again earns nothing", func(t *testing.T) {
		srv := &smpp.Server{Handler: mux, Logger: quiet, Authenticate: func(context.Context, *pdu.Bind) (*smpp.Account, error) {
			return &smpp.Account{Rate: smpp.Rate{PerSecond: 1, Burst: 5}}, nil
		}}
		taken := 0
		for range 4 {
			r, s := dialFrom(t, srv, nil)
			r.bound()
			for range 5 {
				r.send(pdu.Header{Sequence: 9}, message)
				if h, _, _ := r.next(); h.Status == pdu.StatusOK {
					taken++
				}
			}
			_ = r.Close()
			<-s.Done()
		}
		if taken != 5 {
			t.Errorf("%d taken", taken)
		}
	})
}

// A limit costs no memory per request.
func TestRateAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	perRequest := func(a smpp.Account) float64 {
		srv := smpptest.NewUnstartedServer(nil)
		srv.Handler = smpp.Inline(byAddress)
		srv.Authenticate = func(context.Context, *pdu.Bind) (*smpp.Account, error) { return &a, nil }
		go func() { _ = srv.Serve(srv.Listener) }()
		defer srv.Close()
		s, err := smpp.Dial(t.Context(), "smpp://"+srv.Listener.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		send := func() {
			if _, err := s.Submit(t.Context(), message); err != nil {
				t.Fatal(err)
			}
		}
		send()
		return testing.AllocsPerRun(2000, send)
	}
	without := perRequest(smpp.Account{})
	fast := smpp.Rate{PerSecond: 1e6, Burst: 1e6}
	with := perRequest(smpp.Account{Rate: fast, SessionRate: fast, MaxBinds: 5})
	if with > without+0.5 {
		t.Errorf("%v allocations with limits, %v without", with, without)
	}
}

func TestBindAttempts(t *testing.T) {
	for _, test := range []struct {
		name     string
		attempts int
		taken    int // failures that are followed by another try; -1: any number
	}{{"default", 0, 4}, {"one", 1, 0}, {"three", 3, 2}, {"any number", -1, -1}} {
		bubble(t, test.name, func(t *testing.T) {
			srv := &smpp.Server{Logger: quiet, Authenticate: onlySecret(smpp.Account{}), Limits: smpp.Limits{BindAttempts: test.attempts}}
			near, far := smpptest.Pipe()
			s := srv.ServeConn(far)
			r := &raw{near, t}
			if test.taken < 0 {
				for range 50 {
					if st := r.status(trx("a", "guess")); st != pdu.StatusBindFailed {
						t.Fatal(st)
					}
				}
				if st := r.status(trx("a", "secret")); st != pdu.StatusOK {
					t.Error(st)
				}
				_ = r.Close()
				<-s.Done()
				return
			}
			for i := range test.taken + 1 {
				if st := r.status(trx("a", "guess")); st != pdu.StatusBindFailed {
					t.Fatalf("try %d: %v", i, st)
				}
			}
			r.wantEnd()
			_ = r.Close()
			<-s.Done()
			if !errors.Is(s.Err(), smpp.ErrTooManyBinds) {
				t.Error(s.Err())
			}
			if st := srv.Stats(); st.BindsFailed != uint64(test.taken)+1 {
				t.Errorf("%+v", st)
			}
		})
	}
}

func TestBindDelay(t *testing.T) {
	const ms = time.Millisecond
	type try struct {
		wait     time.Duration // before
		addr     string
		password string
		took     time.Duration
	}
	fails := func(addr string, took ...time.Duration) (tries []try) {
		for _, d := range took {
			tries = append(tries, try{0, addr, "guess", d})
		}
		return tries
	}
	join := func(lists ...[]try) (all []try) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	for _, test := range []struct {
		name   string
		limits smpp.Limits
		tries  []try
	}{
		{"grows to the most", smpp.Limits{}, fails("192.0.2.1", 0, 0, 0, 250*ms, 500*ms, 1000*ms, 2000*ms, 4000*ms, 5000*ms, 5000*ms)},
		{"set", smpp.Limits{BindDelay: time.Second, MaxBindDelay: 3 * time.Second}, fails("192.0.2.1", 0, 0, 0, 1000*ms, 2000*ms, 3000*ms, 3000*ms)},
		{"off", smpp.Limits{BindDelay: -1}, fails("192.0.2.1", 0, 0, 0, 0, 0, 0, 0)},
		{"of the address", smpp.Limits{}, join(fails("192.0.2.1", 0, 0, 0, 250*ms), fails("192.0.2.2", 0, 0, 0, 250*ms))},
		{"of the /64", smpp.Limits{}, join(fails("2001:db8::1", 0, 0), fails("2001:db8::2", 0, 250*ms), fails("2001:db8:0:1::2", 0))},
		{"the right password waits as long", smpp.Limits{}, join(fails("192.0.2.1", 0, 0, 0), []try{{0, "192.0.2.1", "secret", 250 * ms}, {0, "192.0.2.2", "secret", 0}})},
		{"is forgiven by the minute", smpp.Limits{}, join(fails("192.0.2.1", 0, 0, 0, 250*ms, 500*ms), []try{
			{2 * time.Minute, "192.0.2.1", "secret", 250 * ms}, {time.Minute, "192.0.2.1", "secret", 0}})},
		{"is forgotten in minutes, however many they were", smpp.Limits{BindAttempts: -1}, join(fails("192.0.2.1", 0, 0, 0, 250*ms, 500*ms, 1000*ms, 2000*ms, 4000*ms, 5000*ms, 5000*ms, 5000*ms, 5000*ms, 5000*ms, 5000*ms),
			[]try{{8 * time.Minute, "192.0.2.1", "secret", 0}})},
	} {
		bubble(t, test.name, func(t *testing.T) {
			srv := &smpp.Server{Logger: quiet, Authenticate: onlySecret(smpp.Account{}), Limits: test.limits}
			for i, try := range test.tries {
				time.Sleep(try.wait)
				r, _ := dialFrom(t, srv, tcp(try.addr))
				start := time.Now()
				st := r.status(trx("a", try.password))
				if took := time.Since(start); took != try.took || (st == pdu.StatusOK) != (try.password == "secret") {
					t.Errorf("try %d: %v after %v, not %v", i, st, took, try.took)
				}
			}
		})
	}
	bubble(t, "asks nobody and leaves nothing when the ESME hangs up", func(t *testing.T) {
		var asked atomic.Int32
		srv := &smpp.Server{Logger: quiet, Authenticate: func(context.Context, *pdu.Bind) (*smpp.Account, error) {
			asked.Add(1)
			return nil, pdu.StatusInvalidPassword
		}}
		for range 3 {
			r, _ := dialFrom(t, srv, tcp("192.0.2.1"))
			if st := r.status(trx("a", "guess")); st != pdu.StatusInvalidPassword {
				t.Error(st)
			}
		}
		before := runtime.NumGoroutine()
		var waiting []*raw
		var sessions []*smpp.Session
		for range 200 {
			r, s := dialFrom(t, srv, tcp("192.0.2.1"))
			r.send(pdu.Header{Sequence: 1}, trx("a", "guess"))
			waiting, sessions = append(waiting, r), append(sessions, s)
		}
		synctest.Wait()
		if n := runtime.NumGoroutine() - before; n > 200 { // the readers
			t.Errorf("%d goroutines for 200 binds that wait", n)
		}
		for i, r := range waiting {
			_ = r.Close()
			<-sessions[i].Done()
		}
		time.Sleep(time.Minute)
		if n := asked.Load(); n != 3 {
			t.Errorf("Authenticate was asked %d times", n)
		}
		if st := srv.Stats(); st.BindsDelayed != 200 || st.BindsFailed != 3 {
			t.Errorf("%+v", st)
		}
	})
	bubble(t, "other failures are not guesses", func(t *testing.T) {
		srv := &smpp.Server{Logger: quiet, Limits: smpp.Limits{BindAttempts: -1},
			Authenticate: func(context.Context, *pdu.Bind) (*smpp.Account, error) { return nil, errors.New("no database") }}
		for range 10 {
			r, _ := dialFrom(t, srv, tcp("192.0.2.1"))
			start := time.Now()
			if st := r.status(trx("a", "")); st != pdu.StatusSystemError || time.Since(start) != 0 {
				t.Errorf("%v after %v", st, time.Since(start))
			}
		}
	})
}

func TestAuthenticateTimeout(t *testing.T) {
	bubble(t, "in time or not", func(t *testing.T) {
		var ended atomic.Int32
		srv := &smpp.Server{Logger: quiet, AuthenticateTimeout: 5 * time.Second, Authenticate: func(ctx context.Context, b *pdu.Bind) (*smpp.Account, error) {
			if b.SystemID == "slow" {
				<-ctx.Done()
				ended.Add(1)
				return nil, ctx.Err()
			}
			return nil, nil
		}}
		r, _ := dialFrom(t, srv, nil)
		start := time.Now()
		if st := r.status(trx("slow", "")); st != pdu.StatusSystemError || time.Since(start) != 5*time.Second {
			t.Errorf("%v after %v", st, time.Since(start))
		}
		if st := r.status(trx("quick", "")); st != pdu.StatusOK {
			t.Error(st)
		}
		gone, s := dialFrom(t, srv, nil)
		gone.send(pdu.Header{Sequence: 1}, trx("slow", ""))
		synctest.Wait()
		start = time.Now()
		_ = gone.Close()
		<-s.Done()
		synctest.Wait()
		if ended.Load() != 2 || time.Since(start) != 0 {
			t.Errorf("%d ended, %v after the session", ended.Load(), time.Since(start))
		}
	})
	bubble(t, "an answer that comes too late is no grant", func(t *testing.T) {
		release := make(chan struct{})
		srv := &smpp.Server{Logger: quiet, AuthenticateTimeout: time.Second, Authenticate: func(context.Context, *pdu.Bind) (*smpp.Account, error) {
			<-release
			return nil, nil
		}}
		r, s := dialFrom(t, srv, nil)
		if st := r.status(trx("a", "")); st != pdu.StatusSystemError {
			t.Error(st)
		}
		close(release)
		synctest.Wait()
		if s.State() != smpp.StateOpen {
			t.Error(s.State())
		}
	})
}

// Panics of the user's functions cost nothing but their own answer.
func TestServerPanics(t *testing.T) {
	bubble(t, "Authenticate and Bound", func(t *testing.T) {
		srv := &smpp.Server{Logger: quiet, Handler: byAddress,
			Authenticate: func(_ context.Context, b *pdu.Bind) (*smpp.Account, error) {
				switch b.SystemID {
				case "panic":
					panic("boom")
				case "exit":
					runtime.Goexit()
				}
				return nil, nil
			},
			Bound: func(*smpp.Session) { panic("bound") },
		}
		r, _ := dialFrom(t, srv, nil)
		for _, id := range []string{"panic", "exit"} {
			if st := r.status(trx(id, "")); st != pdu.StatusSystemError {
				t.Errorf("%s: %v", id, st)
			}
		}
		r.bound()
		synctest.Wait()
		r.send(pdu.Header{Sequence: 1}, to(7))
		r.want(pdu.Header{Command: pdu.IDSubmitSMResp, Sequence: 1})
	})
}

// Before the bind little is taken; after it everything is.
func TestUnboundBounds(t *testing.T) {
	bubble(t, "a long PDU", func(t *testing.T) {
		srv := &smpp.Server{Logger: quiet, Handler: byAddress}
		r, s := dialFrom(t, srv, nil)
		go func() { _, _ = r.Write(submitOf(t, 4097)) }()
		r.want(pdu.Header{Command: pdu.IDGenericNack, Status: pdu.StatusInvalidCommandLength, Sequence: 1})
		r.wantEnd()
		_ = r.Close()
		<-s.Done()
		r, _ = dialFrom(t, srv, nil)
		r.write(submitOf(t, 4096))
		r.want(pdu.Header{Command: pdu.IDSubmitSMResp, Status: pdu.StatusInvalidBindStatus, Sequence: 1})
		r.bound()
		r.write(submitOf(t, 100_000))
		r.want(pdu.Header{Command: pdu.IDSubmitSMResp, Sequence: 1})
	})
	for _, bind := range []bool{false, true} {
		bubble(t, fmt.Sprintf("a flood, bound %v", bind), func(t *testing.T) {
			srv := &smpp.Server{Logger: quiet, Handler: byAddress, SessionInit: -1, EnquireLink: -1, Limits: smpp.Limits{Idle: smpp.Rate{PerSecond: 10, Burst: 100}}}
			r, _ := dialFrom(t, srv, nil)
			if bind {
				r.bound()
			}
			const n = 1000
			frame, err := pdu.Append(nil, pdu.Header{Sequence: 1}, &pdu.EnquireLink{})
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				for range n {
					if _, err := r.Write(frame); err != nil {
						return
					}
				}
			}()
			start := time.Now()
			for range n { // not one is lost
				r.want(pdu.Header{Command: pdu.IDEnquireLinkResp, Sequence: 1})
			}
			if took := time.Since(start); took < (n-100-512)/10*time.Second || took > 2*n/10*time.Second {
				t.Errorf("%v for %d enquire_link at 10 a second", took, n)
			}
			if srv.Stats().Stood == 0 {
				t.Error("reading never stood")
			}
			if bind { // the session goes on
				r.send(pdu.Header{Sequence: 2}, to(7))
				r.want(pdu.Header{Command: pdu.IDSubmitSMResp, Sequence: 2})
			}
		})
	}
}

// Requests beyond a rate are refused, and read at ten times what else no handler
// sees is read at.
func TestFloodOfRefusals(t *testing.T) {
	bubble(t, "requests", func(t *testing.T) {
		srv := &smpp.Server{Logger: quiet, Handler: byAddress, EnquireLink: -1, Limits: smpp.Limits{Idle: smpp.Rate{PerSecond: 10, Burst: 100}},
			Authenticate: func(context.Context, *pdu.Bind) (*smpp.Account, error) {
				return &smpp.Account{SessionRate: smpp.Rate{PerSecond: 1, Burst: 1}}, nil
			}}
		r, _ := dialFrom(t, srv, nil)
		r.bound()
		const n = 3000
		go func() {
			for range n {
				r.send(pdu.Header{Sequence: 2}, to(7))
			}
		}()
		start := time.Now()
		statuses := map[pdu.Status]int{}
		for range n { // not one is lost
			h, _, _ := r.next()
			statuses[h.Status]++
		}
		took := time.Since(start)
		if took < 15*time.Second || took > 25*time.Second { // 1000 at once, 100 a second
			t.Errorf("%v for %d requests", took, n)
		}
		if ok, refused := statuses[pdu.StatusOK], statuses[pdu.StatusThrottled]; ok+refused != n || ok > int(took/time.Second)+2 || ok < 2 {
			t.Errorf("%v", statuses)
		}
		if srv.Stats().Stood == 0 {
			t.Error("reading never stood")
		}
	})
}

// Responses to nothing are a flood like any other.
func TestFloodOfResponses(t *testing.T) {
	bubble(t, "responses", func(t *testing.T) {
		srv := &smpp.Server{Logger: quiet, Handler: byAddress, EnquireLink: -1, Limits: smpp.Limits{Idle: smpp.Rate{PerSecond: 10, Burst: 100}}}
		r, s := dialFrom(t, srv, nil)
		r.bound()
		frame, err := pdu.Append(nil, pdu.Header{Sequence: 77}, &pdu.DeliverSMResp{})
		if err != nil {
			t.Fatal(err)
		}
		const n = 2000
		go func() {
			for range n {
				if _, err := r.Write(frame); err != nil {
					return
				}
			}
			r.send(pdu.Header{Sequence: 2}, to(7))
		}()
		start := time.Now()
		r.want(pdu.Header{Command: pdu.IDSubmitSMResp, Sequence: 2})
		if took := time.Since(start); took < 10*time.Second {
			t.Errorf("%d responses to nothing were read in %v, at 10 a second", n, took)
		}
		if got := s.Stats().Dropped; got != n {
			t.Errorf("%d dropped; want %d", got, n)
		}
	})
}

// fakeListener accepts what it is given.
type fakeListener struct {
	accept chan any // net.Conn or error
	done   chan struct{}
	once   sync.Once
}

func newFakeListener() *fakeListener {
	return &fakeListener{accept: make(chan any), done: make(chan struct{})}
}

func (l *fakeListener) Accept() (net.Conn, error) {
	select {
	case v := <-l.accept:
		if err, ok := v.(error); ok {
			return nil, err
		}
		return v.(net.Conn), nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *fakeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *fakeListener) Addr() net.Addr { return tcp("192.0.2.99") }

// lateAddr is a connection whose address is known once its header has been
// read, as with the PROXY protocol.
type lateAddr struct {
	net.Conn
	known chan struct{}
	addr  net.Addr
}

func (c *lateAddr) RemoteAddr() net.Addr {
	<-c.known
	return c.addr
}

func (c *lateAddr) Read(b []byte) (int, error) {
	<-c.known
	return c.Conn.Read(b)
}

// A connection that does not tell its address yet keeps nobody waiting, and is
// counted under the address that it tells.
func TestLateAddress(t *testing.T) {
	bubble(t, "PROXY protocol", func(t *testing.T) {
		l := newFakeListener()
		srv := &smpp.Server{Logger: quiet, Limits: smpp.Limits{ConnectionsPerAddress: 1}}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }()
		dial := func(addr string) (*raw, *lateAddr) {
			near, far := smpptest.Pipe()
			c := &lateAddr{far, make(chan struct{}), tcp(addr)}
			l.accept <- c
			t.Cleanup(func() { _ = near.Close() })
			return &raw{near, t}, c
		}
		slow, slowConn := dial("192.0.2.1")
		quick, quickConn := dial("192.0.2.1")
		close(quickConn.known)
		quick.bound()
		close(slowConn.known)
		slow.wantEnd()
		other, otherConn := dial("192.0.2.2")
		close(otherConn.known)
		other.bound()
		if st := srv.Stats(); st.RefusedAddress != 1 || st.Bound != 2 {
			t.Errorf("%+v", st)
		}
		never, neverConn := dial("192.0.2.3") // session_init ends it
		start := time.Now()
		never.wantEnd()
		if took := time.Since(start); took < 30*time.Second || took > 32*time.Second {
			t.Errorf("a connection that never tells its address ended after %v", took)
		}
		close(neverConn.known)
		_ = srv.Close()
		if err := <-served; !errors.Is(err, smpp.ErrServerClosed) {
			t.Error(err)
		}
	})
}

type temporary struct{}

func (temporary) Error() string   { return "accept: too many open files" }
func (temporary) Temporary() bool { return true }

func TestAcceptErrors(t *testing.T) {
	bubble(t, "temporary", func(t *testing.T) {
		l := newFakeListener()
		srv := &smpp.Server{Logger: quiet}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }()
		start := time.Now()
		for range 12 {
			l.accept <- temporary{}
		}
		near, far := smpptest.Pipe()
		l.accept <- far
		(&raw{near, t}).bound()
		if took := time.Since(start); took < time.Second || took > 10*time.Second {
			t.Errorf("%v for 12 failures", took)
		}
		l.accept <- temporary{}
		synctest.Wait()
		start = time.Now()
		_ = near.Close()
		_ = srv.Close() // does not wait for the pause to end
		if err := <-served; !errors.Is(err, smpp.ErrServerClosed) || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
	bubble(t, "for good", func(t *testing.T) {
		l := newFakeListener()
		srv := &smpp.Server{Logger: quiet}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }()
		l.accept <- errors.New("unplugged")
		if err := <-served; err == nil || errors.Is(err, smpp.ErrServerClosed) || !strings.Contains(err.Error(), "unplugged") {
			t.Error(err)
		}
	})
}

// Shutdown under load: what the server has accepted, its client knows of, and
// what a client was given, the server knows of.
func TestShutdownLosesNothing(t *testing.T) {
	const clients, senders = 8, 16
	var mu sync.Mutex
	accepted := make(map[string]bool)     // by the handler
	acknowledged := make(map[string]bool) // to the client
	delivered := make(map[string]bool)    // to the client
	confirmed := make(map[string]bool)    // to the server
	var id atomic.Int64
	deliveries := make(chan struct{})
	var delivering sync.WaitGroup
	srv := smpptest.NewUnstartedServer(onSubmit(func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		key := fmt.Sprint(id.Add(1))
		mu.Lock()
		accepted[key] = true
		mu.Unlock()
		runtime.Gosched()
		return &pdu.SubmitSMResp{MessageID: key}, nil
	}))
	srv.Window = senders
	srv.Logger = quiet
	srv.Bound = func(s *smpp.Session) {
		for range senders {
			delivering.Go(func() {
				<-deliveries
				for {
					key := fmt.Sprint(id.Add(1))
					_, err := s.Deliver(context.Background(), &pdu.DeliverSM{Dest: pdu.International("7"), ShortMessage: []byte(key)})
					mu.Lock()
					switch {
					case err == nil:
						confirmed[key] = true
					case smpp.Outcome(err) != smpp.NeverSent:
						t.Errorf("delivery %s: %v", key, err)
					}
					mu.Unlock()
					if err != nil {
						return
					}
				}
			})
		}
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(srv.Listener) }()
	var sending sync.WaitGroup
	var sent atomic.Int64
	for range clients {
		s, err := smpp.Dial(t.Context(), "smpp://"+srv.Listener.Addr().String(), &smpp.Config{Window: senders, InboundWindow: senders, Handler: smpp.HandlerFor(func(_ context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
			mu.Lock()
			delivered[string(m.ShortMessage)] = true
			mu.Unlock()
			return nil, nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for range senders {
			sending.Go(func() {
				for {
					resp, err := s.Submit(context.Background(), message)
					switch {
					case err == nil:
						mu.Lock()
						acknowledged[strings.Clone(resp.MessageID)] = true
						mu.Unlock()
						sent.Add(1)
					case errors.Is(err, pdu.StatusThrottled): // shutting down
					default:
						return
					}
				}
			})
		}
	}
	close(deliveries)
	for deadline := time.Now().Add(30 * time.Second); sent.Load() < 2000; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("no load")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, smpp.ErrServerClosed) {
		t.Error(err)
	}
	sending.Wait()
	delivering.Wait()
	mu.Lock()
	defer mu.Unlock()
	for key := range accepted {
		if !acknowledged[key] {
			t.Errorf("%s was accepted, and its client does not know", key)
		}
	}
	for key := range delivered {
		if !confirmed[key] {
			t.Errorf("%s was delivered, and the server does not know", key)
		}
	}
	if len(acknowledged) != len(accepted) || len(confirmed) != len(delivered) || len(accepted) < 2000 || len(delivered) == 0 {
		t.Errorf("%d accepted and %d acknowledged, %d delivered and %d confirmed", len(accepted), len(acknowledged), len(delivered), len(confirmed))
	}
	if n := len(srv.Sessions()); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
	t.Logf("%d accepted, %d delivered", len(accepted), len(delivered))
}

func TestSecureEqual(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{{"", "", true}, {"secret", "secret", true}, {"secret", "secret1", false}, {"secret", "Secret", false}, {"", "x", false}, {"a\x00", "a", false}} {
		if got := smpp.SecureEqual(test.a, test.b); got != test.want {
			t.Errorf("SecureEqual(%q, %q) = %v", test.a, test.b, got)
		}
	}
}

// A bind whose response cannot be encoded leaves nothing behind in the counts of
// its account.
func TestBindResponseThatFails(t *testing.T) {
	bubble(t, "then another account", func(t *testing.T) {
		accounts := make(chan *smpp.Account, 4)
		srv := &smpp.Server{Logger: quiet, Limits: smpp.Limits{Unbound: 1}, Authenticate: func(context.Context, *pdu.Bind) (*smpp.Account, error) { return <-accounts, nil }}
		limited := smpp.Account{SystemID: "same", MaxBinds: 1}
		bad := limited
		bad.TLVs = tlv.List{tlv.Option{Tag: 0x1400, Value: make([]byte, 1<<16)}}
		r, _ := dialFrom(t, srv, nil)
		accounts <- &bad
		if st := r.status(trx("a", "")); st != pdu.StatusSystemError {
			t.Fatal(st)
		}
		near, far := smpptest.Pipe()
		if s := srv.ServeConn(far); s != nil {
			t.Error("a session that is not bound does not count as such")
			_ = near.Close()
		}
		accounts <- &smpp.Account{SystemID: "same"}
		if st := r.status(trx("a", "")); st != pdu.StatusOK {
			t.Fatal(st)
		}
		_ = r.Close()
		synctest.Wait()
		for i, want := range []pdu.Status{pdu.StatusOK, pdu.StatusBindFailed} {
			r, _ := dialFrom(t, srv, nil)
			accounts <- &limited
			if st := r.status(trx("a", "")); st != want {
				t.Errorf("bind %d: %v, not %v", i, st, want)
			}
		}
	})
}

// A reader that stands because responses wait to be written goes on when they
// are, though the bind has raised how many may wait meanwhile.
func TestBindRaisesWhatMayWait(t *testing.T) {
	bubble(t, "while reading stands", func(t *testing.T) {
		decide := make(chan struct{})
		srv := &smpp.Server{Logger: quiet, Limits: smpp.Limits{Idle: smpp.Rate{PerSecond: -1}}, EnquireLink: -1,
			Authenticate: func(context.Context, *pdu.Bind) (*smpp.Account, error) {
				<-decide
				return &smpp.Account{Window: 1000}, nil
			}}
		r, s := rawClient(t, srv)
		r.send(pdu.Header{Sequence: 1}, &pdu.BindTransceiver{Bind: pdu.Bind{InterfaceVersion: pdu.V34}})
		var many []byte
		for i := range uint32(150) {
			many, _ = pdu.Append(many, pdu.Header{Sequence: 2 + i}, &pdu.EnquireLink{})
		}
		n := 150
		for range 1000 { // until the pipe is full and more than enough waits
			r.write(many)
			n += 150
			synctest.Wait()
			if s.Stats().Unwritten >= 2048 {
				break
			}
		}
		if n := s.Stats().Unwritten; n < 2048 {
			t.Fatal(n)
		}
		close(decide)
		synctest.Wait()
		r.write(many)
		start := time.Now()
		for n > 0 {
			if h, _, _ := r.next(); h.Command == pdu.IDEnquireLinkResp {
				n--
			}
		}
		if d := time.Since(start); d > 0 {
			t.Errorf("reading went on after %v", d)
		}
	})
}

// Other limits and timers for who comes from then on; who is there stays.
func TestServerSettingsWhileItServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &smpp.Server{EnquireLink: -1, Limits: smpp.Limits{Connections: 1}}
		old, first := dialFrom(t, srv, tcp("192.0.2.1"))
		if status := old.status(trx("a", "")); status != 0 {
			t.Fatal(status)
		}
		if _, s := dialFrom(t, srv, tcp("192.0.2.1")); s != nil {
			t.Error("a second connection, of one")
		}
		srv.SetLimits(smpp.Limits{ConnectionsPerAddress: 1, BindStatus: pdu.StatusThrottled})
		srv.SetTimers(smpp.Timers{EnquireLink: 7 * time.Second, Inactivity: time.Minute})
		second, s := dialFrom(t, srv, tcp("192.0.2.1"))
		if s == nil {
			t.Fatal("no second connection, of any number")
		}
		if status := second.status(trx("a", "")); status != 0 {
			t.Fatal(status)
		}
		third, s := dialFrom(t, srv, tcp("192.0.2.1"))
		if s == nil {
			t.Fatal("closed before it has an address")
		}
		third.wantEnd()
		<-s.Done()
		if !errors.Is(s.Err(), smpp.ErrTooManyConnections) {
			t.Errorf("the third of one from an address: %v", s.Err())
		}
		began := time.Now()
		if h, _, _ := second.next(); h.Command != pdu.IDEnquireLink || time.Since(began).Round(time.Second) != 7*time.Second {
			t.Errorf("%v after %v; want enquire_link after 7s", h.Command, time.Since(began))
		}
		second.send(pdu.Header{Sequence: 1}, new(pdu.EnquireLinkResp))
		time.Sleep(time.Hour)
		if first.Err() != nil {
			t.Errorf("the session that was there has ended: %v", first.Err())
		}
	})
}
