package smpp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// A diary is what a trace tells, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, "\n")
}

func (d *diary) trace() *smpp.Trace {
	command := func(frame []byte) pdu.CommandID {
		h, _, _ := pdu.ParseHeader(frame)
		return h.Command
	}
	return &smpp.Trace{
		Connected: func(*smpp.Session) { d.add("connected") },
		Bound:     func(s *smpp.Session) { d.add("bound to %s", s.SystemID()) },
		State:     func(_ *smpp.Session, from, to smpp.State) { d.add("%v to %v", from, to) },
		Ended:     func(_ *smpp.Session, err error) { d.add("ended: %v", err) },
		Sent:      func(_ *smpp.Session, frame []byte) { d.add("sent %v", command(frame)) },
		Received:  func(_ *smpp.Session, frame []byte) { d.add("received %v", command(frame)) },
		Response: func(_ *smpp.Session, h pdu.Header, latency time.Duration) {
			d.add("%v %s after %v", h.Command, h.Status.String(), latency)
		},
		Late:       func(_ *smpp.Session, l smpp.LateResponse) { d.add("late %v %d", l.Request, l.Header.Sequence) },
		Dropped:    func(_ *smpp.Session, h pdu.Header) { d.add("dropped %v %d", h.Command, h.Sequence) },
		WindowFull: func(*smpp.Session) { d.add("window full") },
		Waited:     func(_ *smpp.Session, w time.Duration) { d.add("waited %v", w) },
	}
}

func TestTrace(t *testing.T) {
	bubble(t, "the life of a session", func(t *testing.T) {
		d := new(diary)
		client, server := smpptest.Pair(t, &smpp.Config{Trace: d.trace(), Window: 1}, &smpp.Server{SystemID: "center", Handler: onSubmit(
			func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
				time.Sleep(300 * time.Millisecond)
				return nil, pdu.StatusInvalidDest
			})})
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { _, _ = client.Submit(t.Context(), message) })
			synctest.Wait()
		}
		both.Wait()
		if err := client.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-server.Done()
		want := `connected
sent bind_transceiver
received bind_transceiver_resp
bind_transceiver_resp ESME_ROK after 0s
open to bound_trx
bound to center
sent submit_sm
window full
received submit_sm_resp
submit_sm_resp ESME_RINVDSTADR after 300ms
waited 300ms
sent submit_sm
received submit_sm_resp
submit_sm_resp ESME_RINVDSTADR after 300ms
sent unbind
bound_trx to unbound
received unbind_resp
unbind_resp ESME_ROK after 0s
unbound to closed
ended: session closed by this side`
		got := d.String()
		// The one who waited is told by another goroutine than the reader.
		got = strings.Replace(got, "waited 300ms\nsubmit_sm_resp ESME_RINVDSTADR after 300ms\nsent submit_sm\n", "submit_sm_resp ESME_RINVDSTADR after 300ms\nwaited 300ms\nsent submit_sm\n", 1)
		got = strings.Replace(got, "waited 300ms\nsent submit_sm\nsubmit_sm_resp ESME_RINVDSTADR after 300ms\n", "submit_sm_resp ESME_RINVDSTADR after 300ms\nwaited 300ms\nsent submit_sm\n", 1)
		if got != want {
			t.Errorf("%s", got)
		}
	})
	bubble(t, "the server's end", func(t *testing.T) {
		d := new(diary)
		client, server := smpptest.Pair(t, &smpp.Config{SystemID: "acme", Trace: nil}, &smpp.Server{Trace: d.trace()})
		_ = client.Close()
		<-server.Done()
		synctest.Wait()
		for _, line := range []string{"connected", "open to bound_trx", "bound to acme", "bound_trx to unbound", "unbound to closed", "ended: session ended: the peer sent unbind"} {
			if !strings.Contains(d.String()+"\n", line+"\n") {
				t.Errorf("no %q in\n%v", line, d)
			}
		}
	})
}

// Responses that come when nobody waits for them any more.
func TestLate(t *testing.T) {
	bubble(t, "the caller gave up", func(t *testing.T) {
		var late []smpp.LateResponse
		c := &smpp.Config{Window: 1, Trace: &smpp.Trace{Late: func(_ *smpp.Session, l smpp.LateResponse) { late = append(late, l) }}}
		s, _ := script(t, c, smpptest.Expect(pdu.IDSubmitSM), smpptest.Delay(5*time.Second), smpptest.AnswerDefault())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Submit(ctx, message)
		isRequestError(t, err, smpp.Unknown, false, context.DeadlineExceeded)
		var re *smpp.RequestError
		if !errors.As(err, &re) {
			t.Fatal(err)
		}
		if s.Outstanding() != 1 {
			t.Errorf("%d outstanding: the slot stays taken", s.Outstanding())
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(late) != 1 || late[0].Header.Sequence != re.Sequence || late[0].Request != pdu.IDSubmitSM || late[0].After != 5*time.Second ||
			late[0].Body.(*pdu.SubmitSMResp).MessageID != "1" || s.Outstanding() != 0 || s.Stats().Late != 1 {
			t.Errorf("%+v, %d outstanding", late, s.Outstanding())
		}
	})
	for _, test := range []struct {
		name  string
		grace time.Duration
		delay time.Duration
		nack  bool
		late  bool
	}{
		{"within the grace", 0, 60 * time.Second, false, true},
		{"a generic_nack", 0, 60 * time.Second, true, true},
		{"after the grace", 0, 90 * time.Second, false, false},
		{"within a longer one", time.Hour, 30 * time.Minute, false, true},
		{"without one", -1, 15 * time.Second, false, false},
	} {
		bubble(t, test.name, func(t *testing.T) {
			d := new(diary)
			answer := smpptest.AnswerDefault()
			if test.nack {
				answer = smpptest.Nack(pdu.StatusSystemError)
			}
			s, _ := script(t, &smpp.Config{ResponseTimeout: 10 * time.Second, EnquireLink: -1, LateGrace: test.grace, Trace: d.trace()},
				smpptest.Expect(pdu.IDSubmitSM), smpptest.Delay(test.delay), answer)
			_, err := s.Submit(t.Context(), message)
			isRequestError(t, err, smpp.Unknown, false, smpp.ErrTimeout)
			time.Sleep(test.delay)
			synctest.Wait()
			if got := strings.Contains(d.String(), "late submit_sm 2"); got != test.late {
				t.Errorf("late: %v\n%v", got, d)
			}
			if got := strings.Contains(d.String(), "dropped "); got == test.late {
				t.Errorf("dropped: %v", got)
			}
			st := s.Stats()
			if st.Timeouts != 1 || st.Late+st.Dropped != 1 || (st.Late == 1) != test.late {
				t.Errorf("%+v", st)
			}
		})
	}
}

func TestStats(t *testing.T) {
	bubble(t, "both ends", func(t *testing.T) {
		client, server := smpptest.Pair(t, &smpp.Config{Handler: acceptAll, Window: 7}, &smpp.Server{Handler: onSubmit(func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
			time.Sleep(20 * time.Millisecond)
			if m.Dest.Addr == "0" {
				return nil, pdu.StatusQueueFull
			}
			return nil, nil
		})})
		for i := range 4 {
			_, _ = client.Submit(t.Context(), to(i))
		}
		if _, err := server.Deliver(t.Context(), &pdu.DeliverSM{}); err != nil {
			t.Error(err)
		}
		if err := client.EnquireLink(t.Context()); err != nil {
			t.Error(err)
		}
		if err := server.Alert(t.Context(), &pdu.AlertNotification{}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		c, s := client.Stats(), server.Stats()
		sent := smpp.Traffic{PDUs: 7, Octets: c.Sent.Octets, Messages: 4, EnquireLinks: 1, Requests: 1, Responses: 1}
		received := smpp.Traffic{PDUs: 8, Octets: c.Received.Octets, Messages: 1, Requests: 1, Responses: 6, Errors: 1}
		if c.Sent != sent || c.Received != received || s.Sent != received || s.Received != sent {
			t.Errorf("client %+v\nserver %+v", c, s)
		}
		if c.Sent.Octets < 7*16 || c.Throttled != 1 || c.RTT != 20*time.Millisecond || c.Window != 7 || c.Outstanding != 0 {
			t.Errorf("client %+v", c)
		}
	})
	bubble(t, "what goes on", func(t *testing.T) {
		g := newGate()
		client, server := smpptest.Pair(t, &smpp.Config{Window: 6}, &smpp.Server{Handler: g.handler(), Window: 2})
		for i := range 8 {
			go func() { _, _ = client.Submit(t.Context(), to(i)) }()
		}
		synctest.Wait()
		c, s := client.Stats(), server.Stats()
		// Of eight, four are handled or queued; the others were refused, which
		// cut the client's window.
		if s.Handling != 2 || s.Queued != 2 || s.Refused == 0 || c.Outstanding != 4 || c.Throttled != s.Refused || c.Effective >= 6 {
			t.Errorf("client %+v\nserver %+v", c, s)
		}
		close(g.open)
	})
}

func TestLogTrace(t *testing.T) {
	bubble(t, "shows neither password nor text", func(t *testing.T) {
		var buf bytes.Buffer
		var mu sync.Mutex
		log := slog.New(slog.NewTextHandler(writerFunc(func(b []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return buf.Write(b)
		}), &slog.HandlerOptions{Level: slog.LevelDebug}))
		client, server := smpptest.Pair(t, &smpp.Config{SystemID: "acme", Password: "pa55word", Trace: smpp.LogTrace(log), Logger: log},
			&smpp.Server{Trace: smpp.LogTrace(log), Logger: log, Handler: smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
				log.Info("handling", "request", in, "session", in.Session())
				_ = w.Respond(pdu.StatusOK, nil)
			})})
		log.Info("config", "config", &smpp.Config{SystemID: "acme", Password: "pa55word"})
		if _, err := client.Submit(t.Context(), &pdu.SubmitSM{ShortMessage: []byte("the code is 4711")}); err != nil {
			t.Error(err)
		}
		_ = client.Close()
		<-server.Done()
		mu.Lock()
		defer mu.Unlock()
		got := buf.String()
		for _, secret := range []string{"pa55word", "4711", "the code"} {
			if strings.Contains(got, secret) {
				t.Errorf("%q is in the log:\n%s", secret, got)
			}
		}
		for _, want := range []string{"smpp: connected", "smpp: bound", "system_id=acme", "command=submit_sm ", "command=submit_sm_resp", "smpp: ended", "request.command=submit_sm"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in the log:\n%s", want, got)
			}
		}
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// A request that is timed and never answered does not end the timing.
func TestRTTAfterTimeout(t *testing.T) {
	bubble(t, "next request", func(t *testing.T) {
		s, _ := script(t, &smpp.Config{ResponseTimeout: 10 * time.Second, EnquireLink: -1},
			smpptest.Expect(pdu.IDSubmitSM), smpptest.Expect(pdu.IDSubmitSM), smpptest.Delay(2*time.Second), smpptest.AnswerDefault(),
			smpptest.Expect(pdu.IDSubmitSM), smpptest.Delay(3*time.Second), smpptest.AnswerDefault())
		if _, err := s.Submit(t.Context(), message); !errors.Is(err, smpp.ErrTimeout) {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := s.Submit(t.Context(), message); err != nil {
				t.Fatal(err)
			}
		}
		if rtt := s.Stats().RTT; rtt != 3*time.Second {
			t.Errorf("RTT %v", rtt)
		}
	})
}

// Without a trace, what strict sessions would refuse is in the log.
func TestReportOnlyLogs(t *testing.T) {
	bubble(t, "server", func(t *testing.T) {
		var mu sync.Mutex
		var buf bytes.Buffer
		log := slog.New(slog.NewTextHandler(writerFunc(func(b []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return buf.Write(b)
		}), nil))
		r, _ := rawClient(t, &smpp.Server{Handler: acceptAll, Strictness: pdu.ReportOnly, Logger: log})
		r.bound()
		r.send(pdu.Header{Sequence: 3}, both())
		r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Sequence: 3})
		mu.Lock()
		defer mu.Unlock()
		if got := buf.String(); strings.Count(got, "irregular PDU") != 1 || !strings.Contains(got, "command=submit_sm") || !strings.Contains(got, "ESME_RINVMSGLEN") {
			t.Errorf("%s", got)
		}
	})
}
