package sms_test

import (
	"context"
	"errors"
	"fmt"
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
	"github.com/godwit-sms/smpp/sms"
)

// long is a text of three parts.
var long = strings.Repeat("All work and no play makes Jack a dull boy. ", 10)

// notSent is an error like *smpp.RequestError.
type notSent bool

func (e notSent) Error() string   { return fmt.Sprintf("never sent: %t", bool(e)) }
func (e notSent) NeverSent() bool { return bool(e) }

// A sequential is a Submitter without SubmitFunc that answers with the list.
type sequential struct {
	answers []error
	sent    []*pdu.SubmitSM
}

func (s *sequential) Submit(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
	s.sent = append(s.sent, m)
	if n := len(s.sent); n <= len(s.answers) && s.answers[n-1] != nil {
		return nil, s.answers[n-1]
	}
	return &pdu.SubmitSMResp{MessageID: fmt.Sprint("id", len(s.sent))}, nil
}

// An asynchronous one keeps what it is asked, and is answered by the test.
type asynchronous struct {
	sequential
	mu     sync.Mutex
	done   []func(*pdu.SubmitSMResp, error)
	refuse int // the number of the part that cannot be sent
}

func (s *asynchronous) SubmitFunc(_ context.Context, m *pdu.SubmitSM, done func(*pdu.SubmitSMResp, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sent)+1 == s.refuse {
		return errors.New("window is closed")
	}
	s.sent, s.done = append(s.sent, m), append(s.done, done)
	return nil
}

func (s *asynchronous) answer(i int, err error) {
	s.mu.Lock()
	done := s.done[i]
	s.mu.Unlock()
	if err != nil {
		done(nil, err)
		return
	}
	done(&pdu.SubmitSMResp{MessageID: fmt.Sprint("id", i+1)}, nil)
}

func outcomes(r *sms.Result) string {
	var list []string
	for _, p := range r.Parts {
		list = append(list, p.Outcome.String())
	}
	return strings.Join(list, ", ")
}

func outgoing(text string) *sms.Outgoing {
	return &sms.Outgoing{Text: text, Template: pdu.SubmitSM{Source: acme, Dest: alice, RegisteredDelivery: pdu.FinalReceipt}}
}

func TestSend(t *testing.T) {
	throttled := &smpp.ResponseError{Command: pdu.IDSubmitSM, Status: pdu.StatusThrottled}
	lost := &smpp.RequestError{Command: pdu.IDSubmitSM, Sent: true, Err: smpp.ErrTimeout}
	unsent := &smpp.RequestError{Command: pdu.IDSubmitSM, Err: smpp.ErrUnbound}
	for _, c := range []struct {
		name     string
		text     string
		answers  []error
		outcomes string
		ids      string
		err      string // words of the error, separated by |
		is       error
		retry    bool // the message as a whole may be sent again
		sent     int
	}{
		{name: "one part", text: "hi", outcomes: "accepted", ids: "id1", sent: 1},
		{name: "three parts", text: long, outcomes: "accepted, accepted, accepted", ids: "id1 id2 id3", sent: 3},
		{name: "refused", text: "hi", answers: []error{throttled}, outcomes: "refused", err: "sms: refused|THROTTLED", is: pdu.StatusThrottled, retry: true, sent: 1},
		{name: "refused by a plain status", text: "hi", answers: []error{pdu.StatusInvalidDest}, outcomes: "refused", is: pdu.StatusInvalidDest, sent: 1},
		{name: "the first part is refused", text: long, answers: []error{throttled}, outcomes: "refused, never sent, never sent", err: "part 1 of 3|refused|2 never sent", is: pdu.StatusThrottled, retry: true, sent: 1},
		{name: "the second part is refused", text: long, answers: []error{nil, throttled}, outcomes: "accepted, refused, never sent", ids: "id1",
			err: "part 2 of 3|refused|1 accepted, 1 refused, 1 never sent", is: pdu.StatusThrottled, sent: 2},
		{name: "the second part is not sent", text: long, answers: []error{nil, unsent}, outcomes: "accepted, never sent, never sent", ids: "id1", err: "part 2 of 3: never sent", is: smpp.ErrUnbound, sent: 2},
		{name: "no part is sent", text: long, answers: []error{unsent}, outcomes: "never sent, never sent, never sent", is: smpp.ErrUnbound, retry: true, sent: 1},
		{name: "no answer", text: long, answers: []error{nil, nil, lost}, outcomes: "accepted, accepted, unknown", ids: "id1 id2", err: "part 3 of 3: unknown|no response", is: smpp.ErrTimeout, sent: 3},
		{name: "unknown is not safe to repeat", text: "hi", answers: []error{lost}, outcomes: "unknown", is: smpp.ErrTimeout, sent: 1},
		{name: "malformed response", text: "hi", answers: []error{&pdu.DecodeError{Status: pdu.StatusThrottled}}, outcomes: "unknown", sent: 1},
		{name: "cannot be encoded", text: "hi", answers: []error{&pdu.EncodeError{Status: pdu.StatusInvalidSource}}, outcomes: "never sent", sent: 1},
		{name: "other errors", text: "hi", answers: []error{errors.New("who knows")}, outcomes: "unknown", sent: 1},
		{name: "errors of others", text: long, answers: []error{nil, notSent(true)}, outcomes: "accepted, never sent, never sent", ids: "id1", sent: 2},
		{name: "errors of others, sent", text: "hi", answers: []error{fmt.Errorf("%w: %w", notSent(false), pdu.StatusThrottled)}, outcomes: "unknown", sent: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sequential{answers: c.answers}
			r, err := sms.Send(t.Context(), s, outgoing(c.text))
			if r == nil {
				t.Fatal(err)
			}
			if outcomes(r) != c.outcomes || strings.Join(r.IDs(), " ") != c.ids || len(s.sent) != c.sent {
				t.Errorf("%s, ids %v, %d sent, want %s, ids %s, %d sent", outcomes(r), r.IDs(), len(s.sent), c.outcomes, c.ids, c.sent)
			}
			for i, p := range r.Parts {
				if p.Part != i+1 || p.PDU == nil || (p.Err == nil) != (p.Outcome == sms.PartAccepted) || i < len(s.sent) && p.PDU != s.sent[i] {
					t.Errorf("part %d: %+v", i, p)
				}
			}
			if c.answers == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var se *sms.SendError
			if !errors.As(err, &se) || se.Result != r {
				t.Fatalf("error %v", err)
			}
			for _, w := range strings.Split(c.err, "|") {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not say %q", err, w)
				}
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %q is not %v", err, c.is)
			}
			if smpp.SafeToRetry(err) != c.retry {
				t.Errorf("safe to retry: %t", !c.retry)
			}
		})
	}
}

func TestSendComposes(t *testing.T) {
	var s sequential
	m := outgoing("")
	m.Binary = []byte{1, 2, 3}
	r, err := sms.Send(t.Context(), &s, m)
	if err != nil || len(r.Parts) != 1 || r.Parts[0].PDU.DataCoding != pdu.CodingOctets || r.Key != "" {
		t.Errorf("%+v, %v", r, err)
	}
	m.Text = "both"
	for name, m := range map[string]*sms.Outgoing{"Binary": m, "missing": nil, "MaxParts": {Text: "hi", Options: &sms.Options{MaxParts: 256}}} {
		r, err := sms.Send(t.Context(), &s, m)
		if r != nil {
			t.Errorf("%s: %+v", name, r)
		}
		wantError(t, err, name)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, s := range []sms.Submitter{&s, new(asynchronous)} {
		r, err := sms.Send(ctx, s, outgoing(long))
		if outcomes(r) != "never sent, never sent, never sent" || !errors.Is(err, context.Canceled) {
			t.Errorf("%s, %v", outcomes(r), err)
		}
	}
	if len(s.sent) != 1 {
		t.Errorf("%d sent", len(s.sent))
	}
}

func TestSendAsync(t *testing.T) {
	for _, c := range []struct {
		name     string
		refuse   int
		answers  func(s *asynchronous)
		outcomes string
		err      string
	}{
		{"out of order", 0, func(s *asynchronous) { s.answer(2, nil); s.answer(0, nil); s.answer(1, nil) }, "accepted, accepted, accepted", ""},
		{"one refused", 0, func(s *asynchronous) { s.answer(2, nil); s.answer(1, pdu.StatusThrottled); s.answer(0, nil) }, "accepted, refused, accepted", "part 2 of 3: refused"},
		{"one cannot be sent", 2, func(s *asynchronous) { s.answer(0, nil) }, "accepted, never sent, never sent", "part 2 of 3: never sent: window is closed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &asynchronous{refuse: c.refuse}
				go func() {
					synctest.Wait() // all parts are on the way before any is answered
					c.answers(s)
				}()
				r, err := sms.Send(t.Context(), s, outgoing(long))
				if outcomes(r) != c.outcomes || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
					t.Errorf("%s, %v", outcomes(r), err)
				}
				for i, m := range s.sent { // in order
					if d, _ := sms.UserData(m); int(d.Concat.Index) != i+1 {
						t.Errorf("part %d went out as number %d", d.Concat.Index, i+1)
					}
				}
			})
		})
	}
	t.Run("ctx ends, answers come later", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := new(asynchronous)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			m := outgoing(long)
			w := watch(new(watched))
			m.Correlator, m.Key = &w.Correlator, "order 17"
			var mu sync.Mutex
			var late []string
			m.Late = func(p sms.PartResult) {
				mu.Lock()
				defer mu.Unlock()
				late = append(late, fmt.Sprintf("%d %v %s %v %v", p.Part, p.Outcome, p.MessageID, p.Err, p.TrackErr))
			}
			go func() {
				synctest.Wait()
				s.answer(0, nil)
			}()
			start := time.Now()
			r, err := sms.Send(ctx, s, m)
			if outcomes(r) != "accepted, unknown, unknown" || !errors.Is(err, context.DeadlineExceeded) || smpp.SafeToRetry(err) || time.Since(start) != time.Second {
				t.Errorf("%s, %v after %v", outcomes(r), err, time.Since(start))
			}
			s.answer(2, pdu.StatusThrottled)
			s.answer(1, nil)
			synctest.Wait()
			mu.Lock()
			slices.Sort(late)
			if want := []string{"2 accepted id2 <nil> <nil>", "3 refused  " + pdu.StatusThrottled.Error() + " <nil>"}; !slices.Equal(late, want) {
				t.Errorf("late %q, want %q", late, want)
			}
			mu.Unlock()
			if d, err := w.Receipt(t.Context(), time.Now(), receiptFor("id2", "DELIVRD")); err != nil || short(d) != "order 17 rejected! 1 +2" {
				t.Errorf("%s, %v", short(d), err)
			}
		})
	})
}

func TestSendCorrelates(t *testing.T) {
	w := watch(new(watched))
	m := outgoing(long)
	m.Correlator = &w.Correlator
	// A receipt that comes before the response.
	if _, err := w.Receipt(t.Context(), time.Now(), receiptFor("id2", "DELIVRD")); err != nil {
		t.Fatal(err)
	}
	r, err := sms.Send(t.Context(), new(sequential), m)
	if err != nil || r.Key == "" || !slices.Equal(w.early, []string{r.Key + " enroute 2 +2"}) {
		t.Errorf("%+v, %v, %q", r, err, w.early)
	}
	for i, want := range []string{" enroute 1 +1", " enroute 1", " delivered! +3"} {
		if d, err := w.Receipt(t.Context(), time.Now(), receiptFor(fmt.Sprint("id", i+1), "DELIVRD")); err != nil || short(d) != r.Key+want {
			t.Errorf("%s, %v, want %s", short(d), err, want)
		}
	}
	// A message without all its parts has failed.
	w2 := watch(new(watched))
	m.Correlator, m.Key = &w2.Correlator, "b"
	if _, err = sms.Send(t.Context(), &sequential{answers: []error{nil, pdu.StatusInvalidDest}}, m); err == nil {
		t.Error("no error")
	}
	if d, err := w2.Receipt(t.Context(), time.Now(), receiptFor("id1", "DELIVRD")); err != nil || short(d) != "b rejected! +1" {
		t.Errorf("%s, %v", short(d), err)
	}
	// Receipts for the last part only, and for none.
	w3 := watch(new(watched))
	m.Correlator, m.Key, m.Options = &w3.Correlator, "c", &sms.Options{ReceiptOnLast: true}
	if _, err = sms.Send(t.Context(), new(sequential), m); err != nil {
		t.Error(err)
	}
	if d, err := w3.Receipt(t.Context(), time.Now(), receiptFor("id3", "DELIVRD")); err != nil || short(d) != "c delivered! +3" {
		t.Errorf("%s, %v", short(d), err)
	}
	store := new(correlatorStore)
	m.Correlator, m.Template.RegisteredDelivery = &sms.Correlator{Store: store}, pdu.NoReceipt
	if _, err = sms.Send(t.Context(), new(sequential), m); err != nil || store.updates != 0 {
		t.Errorf("%v, %d updates", err, store.updates)
	}
	// The store fails: the parts are accepted all the same, and the error says that they are not to be sent again.
	store.fail = func(int) bool { return true }
	m.Template.RegisteredDelivery = pdu.FinalReceipt
	m.Options = nil
	r, err = sms.Send(t.Context(), new(sequential), m)
	if outcomes(r) != "accepted, accepted, accepted" || !errors.Is(err, errStore) || smpp.SafeToRetry(err) || !strings.Contains(err.Error(), `accepted as "id1", but not tracked`) {
		t.Errorf("%s, %v", outcomes(r), err)
	}
}

type dialer func() (net.Conn, error)

func (d dialer) DialContext(context.Context, string, string) (net.Conn, error) { return d() }

// Through sessions and a client: the parts arrive in order and at once, and the receipts find the message.
func TestSendOverSession(t *testing.T) {
	for _, kind := range []string{"session", "client"} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const delay = 100 * time.Millisecond
				var mu sync.Mutex
				sequence := make(map[uint8]uint32) // of each part
				mux := smpp.NewMux()
				smpp.Handle(mux, func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
					d, _ := sms.UserData(m)
					id := 0xA0 + int(d.Concat.Index)
					select {
					case <-time.After(delay):
					case <-ctx.Done():
						return nil, ctx.Err()
					}
					receipt, err := sms.Profile{}.WriteReceipt(m, sms.Receipt{ID: fmt.Sprint(id), State: pdu.StateDelivered, HasState: true})
					if err != nil {
						return nil, err
					}
					if _, err = smpp.SessionFrom(ctx).Deliver(ctx, receipt); err != nil { // before the response
						t.Error(err)
					}
					return &pdu.SubmitSMResp{MessageID: fmt.Sprintf("%x", id)}, nil
				})
				final := make(chan *sms.Delivery, 10)
				note := func(d *sms.Delivery) {
					if d != nil && d.Changed && d.Final {
						final <- d
					}
				}
				correlator := &sms.Correlator{Rule: sms.MessageIDHexToDecimal, Early: note}
				config := &smpp.Config{Handler: smpp.HandlerFor(func(ctx context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
					if r, ok := (sms.Profile{}).ReadReceipt(m); ok {
						d, err := correlator.Receipt(ctx, time.Now(), r)
						if err != nil {
							return nil, err
						}
						note(d)
					}
					return nil, nil
				})}
				srv := &smpp.Server{Handler: smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
					if m, ok := in.Body.(*pdu.SubmitSM); ok {
						d, _ := sms.UserData(m)
						mu.Lock()
						sequence[d.Concat.Index] = in.Header.Sequence
						mu.Unlock()
					}
					mux.ServeSMPP(w, in)
				})}
				var s sms.Submitter
				if kind == "client" {
					config.Dialer = dialer(func() (net.Conn, error) {
						near, far := smpptest.Pipe()
						srv.ServeConn(far)
						return near, nil
					})
					client := &smpp.Client{Targets: []smpp.Target{{URL: "smpp://mc"}}, Config: config}
					defer func() { _ = client.Close() }()
					if err := client.Connect(t.Context()); err != nil {
						t.Fatal(err)
					}
					s = client
				} else {
					s, _ = smpptest.Pair(t, config, srv)
				}
				m := outgoing(long)
				m.Correlator, m.Key = correlator, "order 17"
				start := time.Now()
				r, err := sms.Send(t.Context(), s, m)
				if err != nil || len(r.Parts) != 3 || time.Since(start) != delay {
					t.Fatalf("%v, %v after %v", r, err, time.Since(start))
				}
				mu.Lock()
				if len(sequence) != 3 || sequence[1] >= sequence[2] || sequence[2] >= sequence[3] {
					t.Errorf("order %v", sequence)
				}
				mu.Unlock()
				d := <-final
				if d.Key != "order 17" || d.State != pdu.StateDelivered || d.Pending != 0 || d.Parts[2].ID != "a3" {
					t.Errorf("%+v", d)
				}
			})
		})
	}
}

// An immediate one answers before SubmitFunc returns, and does something else as well.
type immediate struct {
	sequential
	also func(part int)
}

func (s *immediate) SubmitFunc(ctx context.Context, m *pdu.SubmitSM, done func(*pdu.SubmitSMResp, error)) error {
	done(s.Submit(ctx, m))
	s.also(len(s.sent))
	return nil
}

func TestSendStops(t *testing.T) {
	s := &immediate{also: func(int) {}}
	s.answers = []error{nil, pdu.StatusInvalidDest}
	r, err := sms.Send(t.Context(), s, outgoing(long))
	if outcomes(r) != "accepted, refused, never sent" || !errors.Is(err, pdu.StatusInvalidDest) || len(s.sent) != 2 {
		t.Errorf("a part is refused while others wait: %s, %v, %d sent", outcomes(r), err, len(s.sent))
	}
	ctx, cancel := context.WithCancel(t.Context())
	s = &immediate{also: func(part int) {
		if part == 2 {
			cancel()
		}
	}}
	r, err = sms.Send(ctx, s, outgoing(long))
	if outcomes(r) != "accepted, accepted, never sent" || !errors.Is(err, context.Canceled) || !slices.Equal(r.IDs(), []string{"id1", "id2"}) {
		t.Errorf("ctx ends while others wait: %s, %v", outcomes(r), err)
	}
}
