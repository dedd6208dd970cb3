package smpptest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// faulty binds over a connection with faults to a message center that accepts
// everything. Both are gone when the test ends.
func faulty(t *testing.T, f *smpptest.Faults, c *smpp.Config) (*smpp.Session, error) {
	t.Helper()
	near, far := smpptest.Pipe()
	srv := &smpp.Server{Handler: smpptest.Accept(), EnquireLink: -1, ResponseTimeout: 5 * time.Second}
	server := srv.ServeConn(far)
	t.Cleanup(func() {
		_ = srv.Close()
		<-server.Done()
	})
	s, err := smpp.Bind(t.Context(), f.Conn(near), c)
	if s != nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	return s, err
}

// result names what a submission came to.
func result(resp *pdu.SubmitSMResp, err error) string {
	switch {
	case errors.Is(err, smpp.ErrTimeout):
		return "timeout"
	case errors.Is(err, net.ErrClosed):
		return "closed"
	case errors.Is(err, pdu.StatusThrottled):
		return "throttled"
	case err != nil:
		return smpp.Outcome(err).String()
	}
	return resp.MessageID
}

func TestFaultsByNext(t *testing.T) {
	quick := &smpp.Config{ResponseTimeout: 1100 * time.Millisecond, EnquireLink: -1}
	const request, response = pdu.IDSubmitSM, pdu.IDSubmitSMResp
	for _, test := range []struct {
		name    string
		command pdu.CommandID
		faults  []smpptest.Fault
		want    []string // of submissions one after the other
	}{
		{"none", request, nil, []string{"1", "2"}},
		{"passed", request, []smpptest.Fault{smpptest.Passed}, []string{"1", "2"}},
		{"request dropped", request, []smpptest.Fault{smpptest.Dropped}, []string{"timeout", "1"}},
		{"response dropped", response, []smpptest.Fault{smpptest.Dropped}, []string{"timeout", "2"}},
		{"request duplicated", request, []smpptest.Fault{smpptest.Duplicated}, []string{"1", "3"}},
		{"response duplicated", response, []smpptest.Fault{smpptest.Duplicated}, []string{"1", "2"}},
		{"request delayed", request, []smpptest.Fault{smpptest.DelayedBy(900 * time.Millisecond)}, []string{"1", "2"}},
		{"request delayed for long", request, []smpptest.Fault{smpptest.DelayedBy(2500 * time.Millisecond)}, []string{"timeout", "2"}},
		{"response delayed", response, []smpptest.Fault{smpptest.Passed, smpptest.DelayedBy(2500 * time.Millisecond), smpptest.DelayedBy(time.Millisecond)}, []string{"1", "timeout", "3"}},
		{"request trickled", request, []smpptest.Fault{smpptest.Trickled}, []string{"1", "2"}},
		{"response trickled", response, []smpptest.Fault{smpptest.Trickled}, []string{"1", "2"}},
		{"request malformed", request, []smpptest.Fault{smpptest.Malformed}, []string{"refused", "1"}},
		{"response malformed", response, []smpptest.Fault{smpptest.Malformed}, []string{"unknown", "2"}},
		{"request garbled", request, []smpptest.Fault{smpptest.Garbled}, []string{"closed", "closed"}},
		{"response garbled", response, []smpptest.Fault{smpptest.Garbled}, []string{"closed", "closed"}},
		{"request truncated", request, []smpptest.Fault{smpptest.Truncated}, []string{"closed", "closed"}},
		{"response truncated", response, []smpptest.Fault{smpptest.Truncated}, []string{"closed", "closed"}},
		{"request stalled", request, []smpptest.Fault{smpptest.Stalled}, []string{"timeout", "timeout"}},
		{"response stalled", response, []smpptest.Fault{smpptest.Stalled}, []string{"timeout", "timeout"}},
		{"throttled", request, []smpptest.Fault{smpptest.Throttled, smpptest.Throttled}, []string{"throttled", "throttled", "1"}},
		{"refused", request, []smpptest.Fault{smpptest.RefusedWith(pdu.StatusQueueFull), smpptest.Refused}, []string{"refused", "refused", "1"}},
		{"a response cannot be refused", response, []smpptest.Fault{smpptest.Refused}, []string{"1", "2"}},
		{"alone, it is not overtaken for ever", response, []smpptest.Fault{smpptest.Overtaken}, []string{"1", "2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var f smpptest.Faults
				f.Next(test.command, test.faults...)
				s, err := faulty(t, &f, quick)
				if err != nil {
					t.Fatal(err)
				}
				for i, want := range test.want {
					if got := result(s.Submit(t.Context(), message)); got != want {
						t.Errorf("submission %d: %s, not %s", i+1, got, want)
					}
					time.Sleep(3 * time.Second)
				}
				if n := f.Pending(); n != 0 {
					t.Errorf("%d faults were left", n)
				}
			})
		})
	}
}

func TestFaultsOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f smpptest.Faults
		f.Next(pdu.IDSubmitSMResp, smpptest.Overtaken)
		s, err := faulty(t, &f, nil)
		if err != nil {
			t.Fatal(err)
		}
		var order []string
		var all sync.WaitGroup
		for range 3 {
			all.Add(1)
			err := smpp.Go(t.Context(), s, message, func(resp *pdu.SubmitSMResp, err error) {
				order = append(order, result(resp, err))
				all.Done()
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		all.Wait()
		if got := strings.Join(order, ""); got != "213" {
			t.Error(got)
		}
	})
}

// Latency does not serialise: many PDUs are under way at once.
func TestFaultsLatency(t *testing.T) {
	for _, test := range []struct {
		name        string
		d           smpptest.Distribution
		least, most time.Duration
	}{
		{"constant", smpptest.Constant(time.Second), 2 * time.Second, 2 * time.Second},
		{"uniform", smpptest.Uniform(time.Second, 3*time.Second), 2 * time.Second, 6 * time.Second},
		{"normal", smpptest.Normal(time.Second, time.Millisecond), 1900 * time.Millisecond, 2100 * time.Millisecond},
		{"exponential", smpptest.Exponential(time.Second), time.Millisecond, 30 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &smpptest.Faults{Sent: smpptest.Rates{Latency: test.d}, Received: smpptest.Rates{Latency: test.d}}
				s, err := faulty(t, f, &smpp.Config{Window: 100})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				var all sync.WaitGroup
				for range 50 {
					all.Go(func() {
						if _, err := s.Submit(t.Context(), message); err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
				if d := time.Since(start); d < test.least || d > test.most {
					t.Errorf("50 submissions took %v; %v to %v is due", d, test.least, test.most)
				}
			})
		})
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		if d := smpptest.Normal(time.Millisecond, time.Second)(r); d < 0 {
			t.Fatalf("a latency of %v", d)
		}
	}
}

func TestFaultsRefuseBind(t *testing.T) {
	for _, test := range []struct {
		name  string
		rates smpptest.Rates
		want  pdu.Status
	}{
		{"by default", smpptest.Rates{RefuseBind: 1}, pdu.StatusBindFailed},
		{"with a status", smpptest.Rates{RefuseBind: 1, BindStatus: pdu.StatusInvalidPassword}, pdu.StatusInvalidPassword},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &smpptest.Faults{Sent: test.rates}
				if _, err := faulty(t, f, nil); !errors.Is(err, test.want) {
					t.Error(err)
				}
				if n := f.Counts()[smpptest.Refused]; n != 1 {
					t.Errorf("%d refused", n)
				}
			})
		})
	}
}

func TestFaultsThrottleInBursts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &smpptest.Faults{Seed: 3, Sent: smpptest.Rates{Refuse: 0.1, Burst: 5}}
		s, err := faulty(t, f, nil)
		if err != nil {
			t.Fatal(err)
		}
		run, bursts := 0, 0
		for range 300 {
			_, err := s.Submit(t.Context(), message)
			switch {
			case errors.Is(err, pdu.StatusThrottled):
				run++
			case err != nil:
				t.Fatal(err)
			case run > 0:
				if run%5 != 0 { // bursts may follow each other
					t.Errorf("a burst of %d", run)
				}
				run, bursts = 0, bursts+1
			}
		}
		if bursts < 5 {
			t.Errorf("%d bursts", bursts)
		}
	})
}

// fate is what befell the PDUs of one run, connection by connection and
// direction by direction.
func fate(t *testing.T, seed uint64, parallel bool) map[string][]string {
	var mu sync.Mutex
	got := map[string][]string{}
	rates := smpptest.Rates{Drop: 0.05, Duplicate: 0.05, Overtake: 0.05, Trickle: 0.05, Malform: 0.05, Refuse: 0.05, Burst: 3,
		Latency: smpptest.Exponential(20 * time.Millisecond)}
	synctest.Test(t, func(t *testing.T) {
		f := &smpptest.Faults{Seed: seed, Sent: rates, Received: rates, Observe: func(p smpptest.Passing, fault smpptest.Fault) {
			mu.Lock()
			defer mu.Unlock()
			way := fmt.Sprint(p.Conn, p.Sent)
			got[way] = append(got[way], fmt.Sprint(p.N, " ", fault))
		}}
		for range 2 {
			s, err := faulty(t, f, &smpp.Config{ResponseTimeout: time.Second, EnquireLink: -1, Window: 40})
			if err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			for range 200 {
				all.Go(func() { _, _ = s.Submit(t.Context(), message) })
				if !parallel {
					all.Wait()
				}
			}
			all.Wait()
		}
	})
	return got
}

func TestFaultsAreRepeatable(t *testing.T) {
	one, two, other := fate(t, 7, false), fate(t, 7, false), fate(t, 8, false)
	if len(one) != 4 {
		t.Errorf("faults in %d of 4 directions", len(one))
	}
	for way, faults := range one {
		if len(faults) < 20 {
			t.Errorf("%s: %d faults in 200 PDUs", way, len(faults))
		}
		if !slices.Equal(faults, two[way]) {
			t.Errorf("%s: the same seed made\n%q and\n%q", way, faults, two[way])
		}
		if slices.Equal(faults, other[way]) {
			t.Errorf("%s: another seed made the same", way)
		}
	}
	// What goroutines do at the same time changes nothing for the requests.
	if all := fate(t, 7, true); !slices.Equal(all["1 true"][:20], one["1 true"][:20]) {
		t.Errorf("in parallel\n%q, one after the other\n%q", all["1 true"][:20], one["1 true"][:20])
	}
}

func TestFaultsDecide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &smpptest.Faults{
			Sent:  smpptest.Rates{Drop: 1},
			Match: func(h pdu.Header) bool { return h.Command == pdu.IDQuerySM },
			Decide: func(p smpptest.Passing) (smpptest.Fault, bool) {
				_, body, _ := pdu.Decode(p.Frame)
				m, ok := body.(*pdu.SubmitSM)
				return smpptest.Throttled, ok && m.Dest.Addr == "666"
			},
		}
		s, err := faulty(t, f, &smpp.Config{ResponseTimeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if got := result(s.Submit(t.Context(), &pdu.SubmitSM{Dest: pdu.International("666")})); got != "throttled" {
			t.Error(got)
		}
		if got := result(s.Submit(t.Context(), message)); got != "1" {
			t.Error(got)
		}
		if _, err := s.Query(t.Context(), &pdu.QuerySM{MessageID: "1"}); !errors.Is(err, smpp.ErrTimeout) {
			t.Error(err)
		}
		if got := f.Counts(); got[smpptest.Refused] != 1 || got[smpptest.Dropped] != 1 || len(got) != 2 {
			t.Errorf("%v", got)
		}
	})
}

// A peer that is half-open is found out by either side, and closing a
// connection that nothing passes through any more does not hang.
func TestFaultsHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f smpptest.Faults
		s, err := faulty(t, &f, &smpp.Config{EnquireLink: 10 * time.Second, ResponseTimeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		f.Next(pdu.IDEnquireLink, smpptest.Stalled)
		start := time.Now()
		<-s.Done()
		if d := time.Since(start); !errors.Is(s.Err(), smpp.ErrDeadPeer) || d > 25*time.Second {
			t.Errorf("%v after %v", s.Err(), d)
		}
	})
}

// Each kind of malformed PDU is one: it does not decode, and what follows is
// not harmed.
func TestFaultsMalformEverything(t *testing.T) {
	bodies := []pdu.Body{
		&pdu.SubmitSM{Dest: pdu.International("1")}, &pdu.SubmitSMResp{MessageID: "7"}, &pdu.DeliverSM{}, &pdu.DataSM{}, &pdu.QuerySM{MessageID: "7"},
		&pdu.CancelSM{}, &pdu.ReplaceSM{}, &pdu.SubmitMulti{Dests: pdu.To(pdu.International("1"))}, &pdu.EnquireLink{}, &pdu.EnquireLinkResp{},
		&pdu.Unbind{}, &pdu.AlertNotification{}, &pdu.DeliverSMResp{}, &pdu.QuerySMResp{MessageID: "7"},
	}
	for seed := range uint64(20) {
		f := &smpptest.Faults{Seed: seed}
		near, far := smpptest.Pipe()
		conn := f.Conn(near)
		var want []pdu.CommandID
		for _, b := range bodies {
			f.Next(b.Command(), smpptest.Malformed, smpptest.Passed)
			for range 2 {
				frame, err := pdu.Append(nil, pdu.Header{Sequence: 1}, b)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := conn.Write(frame); err != nil {
					t.Fatal(err)
				}
				want = append(want, b.Command())
			}
		}
		_ = conn.Close()
		all, err := io.ReadAll(far)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range want {
			frame, rest, err := pdu.Split(all, 1<<20)
			if err != nil || frame == nil {
				t.Fatalf("seed %d: PDU %d, %v: %v", seed, i, id, err)
			}
			h, _, err := pdu.Decode(frame)
			if h.Command != id || (err != nil) != (i%2 == 0) {
				t.Errorf("seed %d: PDU %d, %v: %v, %v\n%s", seed, i, id, h.Command, err, pdu.Standard().AppendDump(nil, frame))
			}
			all = rest
		}
		_ = far.Close()
	}
}

// What is no PDU passes, and so does half of one.
func TestFaultsPassWhatIsNoPDU(t *testing.T) {
	for _, octets := range []string{"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", "\x00\x00\x00\x10\x00", ""} {
		synctest.Test(t, func(t *testing.T) {
			f := &smpptest.Faults{Sent: smpptest.Rates{Drop: 1}}
			near, far := smpptest.Pipe()
			conn := f.Conn(near)
			_, _ = conn.Write([]byte(octets))
			if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Error(err)
			}
			if got, err := io.ReadAll(far); string(got) != octets || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			_, _ = far.Write([]byte("answer"))
			_ = far.Close()
			if got, err := io.ReadAll(conn); string(got) != "answer" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			_ = conn.Close()
		})
	}
}

// A peer that does not read holds up neither Close nor the lanes for ever.
func TestFaultsCloseToAPeerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f smpptest.Faults
		near, far := smpptest.Pipe()
		conn := f.Conn(near)
		frame, err := pdu.Append(nil, pdu.Header{Sequence: 1}, &pdu.DataSM{})
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetWriteDeadline(time.Now().Add(time.Minute))
		n := 0
		for err == nil {
			var m int
			m, err = conn.Write(frame)
			n += m
		}
		if n < 256<<10 {
			t.Errorf("%d octets were taken", n)
		}
		_ = conn.Close()
		synctest.Wait()
		time.Sleep(time.Minute)
		if _, err := far.Write([]byte("x")); err == nil {
			t.Error("the connection is still open")
		}
	})
}

func TestServerFaults(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %t", secure), func(t *testing.T) {
			srv := smpptest.NewUnstartedServer(smpptest.Accept())
			srv.Faults = new(smpptest.Faults)
			if secure {
				srv.StartTLS()
			} else {
				srv.Start()
			}
			defer srv.Close()
			s := dial(t, srv, srv.ClientConfig())
			srv.Faults.Next(pdu.IDSubmitSM, smpptest.Throttled, smpptest.Truncated)
			for i, want := range []string{"throttled", "closed"} {
				if got := result(s.Submit(t.Context(), message)); got != want {
					t.Errorf("submission %d: %s, not %s", i+1, got, want)
				}
			}
			if got := result(dial(t, srv, srv.ClientConfig()).Submit(t.Context(), message)); got != "1" {
				t.Error(got)
			}
		})
	}
}

func TestFaultsDialer(t *testing.T) {
	srv := smpptest.NewServer(smpptest.Accept())
	defer srv.Close()
	refused := errors.New("no route")
	f := &smpptest.Faults{Dialer: dialerFunc(func() (net.Conn, error) { return nil, refused })}
	if _, err := smpp.Dial(t.Context(), srv.URL, &smpp.Config{Dialer: f}); !errors.Is(err, refused) {
		t.Error(err)
	}
	s := dial(t, srv, &smpp.Config{Dialer: new(smpptest.Faults)})
	if got := s.RemoteAddr().String(); got != srv.Listener.Addr().String() {
		t.Error(got)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

type dialerFunc func() (net.Conn, error)

func (f dialerFunc) DialContext(context.Context, string, string) (net.Conn, error) { return f() }

func TestFaultString(t *testing.T) {
	for f, want := range map[smpptest.Fault]string{
		smpptest.Passed:                     "passed",
		smpptest.Stalled:                    "stalled",
		smpptest.Throttled:                  "refused with ESME_RTHROTTLED",
		smpptest.DelayedBy(2 * time.Second): "delayed by 2s",
		200:                                 "fault 200",
	} {
		if got := f.String(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	if f := smpptest.RefusedWith(pdu.StatusQueueFull); f.Kind() != smpptest.Refused {
		t.Error(f.Kind())
	}
}

func TestAccept(t *testing.T) {
	client, _ := smpptest.Pair(t, &smpp.Config{Version: pdu.V50}, &smpp.Server{Handler: smpptest.Accept()})
	for i, req := range []pdu.Body{message, &pdu.SubmitMulti{Dests: pdu.To(pdu.International("1"))}, &pdu.DataSM{}} {
		resp, err := client.RoundTrip(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		var id string
		switch r := resp.(type) {
		case *pdu.SubmitSMResp:
			id = r.MessageID
		case *pdu.SubmitMultiResp:
			id = r.MessageID
		case *pdu.DataSMResp:
			id = r.MessageID
		}
		if id != fmt.Sprint(i+1) {
			t.Errorf("%T: message id %q", req, id)
		}
	}
	q, err := client.Query(t.Context(), &pdu.QuerySM{MessageID: "2"})
	if err != nil || q.MessageID != "2" || q.State != pdu.StateDelivered {
		t.Errorf("%+v, %v", q, err)
	}
	for _, req := range []pdu.Body{&pdu.CancelSM{MessageID: "2"}, &pdu.ReplaceSM{MessageID: "2"}} {
		if _, err := client.RoundTrip(t.Context(), req); err != nil {
			t.Error(err)
		}
	}
}

// What is under way when a connection stalls does not arrive either.
func TestStalledUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &smpptest.Faults{Received: smpptest.Rates{Latency: smpptest.Constant(time.Second)}}
		s, err := faulty(t, f, nil)
		if err != nil {
			t.Fatal(err)
		}
		f.Next(pdu.IDEnquireLink, smpptest.Stalled)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		time.AfterFunc(500*time.Millisecond, func() { _ = s.EnquireLink(ctx) }) // does not arrive
		if _, err := s.Submit(ctx, &pdu.SubmitSM{}); smpp.Outcome(err) != smpp.Unknown {
			t.Errorf("the response arrived on a connection that has stalled: %v", err)
		}
	})
}
