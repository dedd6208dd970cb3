package center_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/center/store/memory"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
	"github.com/godwit-sms/smpp/tlv"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// piped starts a center inside a synctest bubble and returns how to reach it.
func piped(t *testing.T, cfg center.Config) *peer {
	t.Helper()
	cfg.Logger = quiet
	c, err := center.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &peer{t: t, center: c, connect: func() net.Conn {
		here, there := net.Pipe()
		c.ServeConn(there)
		return here
	}}
}

// looped starts a center on loopback.
func looped(t *testing.T, cfg center.Config) *peer {
	t.Helper()
	cfg.Logger = quiet
	c, err := center.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- c.Serve(l) }()
	t.Cleanup(func() {
		_ = c.Close()
		if err := <-served; !errors.Is(err, center.ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	return &peer{t: t, center: c, port: l.Addr().(*net.TCPAddr).Port, connect: func() net.Conn {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}}
}

type peer struct {
	t       *testing.T
	center  *center.Center
	port    int // of one on loopback
	connect func() net.Conn
}

// An esme is a session and what it was delivered.
type esme struct {
	*smpp.Session
	t      *testing.T
	mu     sync.Mutex
	got    []*pdu.DeliverSM
	answer func(*pdu.DeliverSM) error // nil: takes everything
	more   chan struct{}
}

func (p *peer) bind(cfg smpp.Config, answer func(*pdu.DeliverSM) error) *esme {
	p.t.Helper()
	if cfg.SystemID == "" {
		cfg.SystemID, cfg.Password = "demo", "demo"
	}
	e := &esme{t: p.t, answer: answer, more: make(chan struct{}, 1)}
	cfg.Handler = smpp.Inline(smpp.HandlerFor(func(_ context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
		var err error
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.answer != nil {
			err = e.answer(m)
		}
		if err == nil {
			e.got = append(e.got, pdu.Clone(m))
			select {
			case e.more <- struct{}{}:
			default:
			}
		}
		return nil, err
	}))
	cfg.Logger = quiet
	cfg.Window, cfg.InboundWindow = 1000, 1000
	s, err := smpp.Bind(p.t.Context(), p.connect(), &cfg)
	if err != nil {
		p.t.Fatalf("bind: %v", err)
	}
	e.Session = s
	p.t.Cleanup(func() { _ = s.Close() })
	return e
}

// wait returns the n-th delivery and all before it.
func (e *esme) wait(n int) []*pdu.DeliverSM {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), 72*time.Hour)
	defer cancel()
	for {
		e.mu.Lock()
		got := slices.Clone(e.got)
		e.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-e.more:
		case <-ctx.Done():
			e.t.Fatalf("%d of %d deliveries came", len(got), n)
		}
	}
}

// eventually waits for what other processes would wait for too: it asks now and
// then, for a minute at most.
func eventually(t *testing.T, done func() bool) bool {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 12_000 {
		if done() {
			return true
		}
		<-tick.C
	}
	return false
}

func (e *esme) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.got)
}

func (e *esme) submit(m *pdu.SubmitSM) string {
	e.t.Helper()
	resp, err := e.Submit(e.t.Context(), m)
	if err != nil {
		e.t.Fatalf("submit_sm: %v", err)
	}
	return resp.MessageID
}

func (e *esme) state(id string) pdu.MessageState {
	e.t.Helper()
	resp, err := e.Query(e.t.Context(), &pdu.QuerySM{MessageID: id, Source: from})
	if err != nil {
		e.t.Fatalf("query_sm: %v", err)
	}
	return resp.State
}

var (
	from   = pdu.Alphanumeric("ACME")
	mobile = pdu.International("491701234567")
)

func text(dest pdu.Address, s string) *pdu.SubmitSM {
	return &pdu.SubmitSM{Source: from, Dest: dest, ShortMessage: []byte(s), RegisteredDelivery: pdu.FinalReceipt}
}

func relative(t *testing.T, d time.Duration) pdu.Time {
	t.Helper()
	v, err := pdu.RelativeTime(d)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func wantStatus(t *testing.T, what string, err error, want pdu.Status) {
	t.Helper()
	if want == pdu.StatusOK {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return
	}
	var status pdu.Status
	if !errors.As(err, &status) || status != want {
		t.Errorf("%s: %v; want %v", what, err, want)
	}
}

func receipt(t *testing.T, m *pdu.DeliverSM) *sms.Receipt {
	t.Helper()
	r, ok := sms.Profile{}.ReadReceipt(m)
	if !ok {
		t.Fatalf("no receipt: %+v", m)
	}
	return r
}

func TestReceipts(t *testing.T) {
	for _, tt := range []struct {
		profile    string
		registered pdu.RegisteredDelivery
		validity   time.Duration
		state      pdu.MessageState // of the receipt, 0: none
		end        pdu.MessageState
		err        string
		after      time.Duration
	}{
		{profile: "deliver", registered: pdu.FinalReceipt, state: pdu.StateDelivered, end: pdu.StateDelivered, err: "000", after: 100 * time.Millisecond},
		{profile: "deliver", registered: pdu.NoReceipt, end: pdu.StateDelivered, after: 100 * time.Millisecond},
		{profile: "deliver", registered: pdu.FailureReceipt, end: pdu.StateDelivered, after: 100 * time.Millisecond},
		{profile: "deliver", registered: pdu.SuccessReceipt, state: pdu.StateDelivered, end: pdu.StateDelivered, err: "000", after: 100 * time.Millisecond},
		{profile: "slow", registered: pdu.FinalReceipt, state: pdu.StateDelivered, end: pdu.StateDelivered, err: "000", after: 5 * time.Second},
		{profile: "accept", registered: pdu.FinalReceipt, state: pdu.StateAccepted, end: pdu.StateAccepted, err: "000", after: 100 * time.Millisecond},
		{profile: "fail", registered: pdu.FinalReceipt, state: pdu.StateUndeliverable, end: pdu.StateUndeliverable, err: "001", after: 100 * time.Millisecond},
		{profile: "fail", registered: pdu.SuccessReceipt, end: pdu.StateUndeliverable, after: 100 * time.Millisecond},
		{profile: "reject", registered: pdu.FailureReceipt, state: pdu.StateRejected, end: pdu.StateRejected, err: "013", after: 100 * time.Millisecond},
		{profile: "expire", registered: pdu.FailureReceipt, validity: time.Minute, state: pdu.StateExpired, end: pdu.StateExpired, err: "027", after: time.Minute},
		{profile: "retry", registered: pdu.FinalReceipt, state: pdu.StateDelivered, end: pdu.StateDelivered, err: "000", after: 1200 * time.Millisecond},
		{profile: "deliver:delay=0s", registered: pdu.FinalReceipt, state: pdu.StateDelivered, end: pdu.StateDelivered, err: "000"},
	} {
		t.Run(fmt.Sprintf("%s/%d", tt.profile, tt.registered), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				profile, err := handset.ParseProfile(tt.profile)
				if err != nil {
					t.Fatal(err)
				}
				e := piped(t, center.Config{Handset: profile}).bind(smpp.Config{Version: pdu.V50}, nil)
				m := text(mobile, "Your code is 4711, keep it")
				m.RegisteredDelivery = tt.registered
				pdu.TLVUserMessageReference.Set(&m.TLVs, 99)
				if tt.validity != 0 {
					m.ValidityPeriod = relative(t, tt.validity)
				}
				begin := time.Now()
				id := e.submit(m)
				if len(id) != 16 {
					t.Errorf("message_id %q has not 16 digits", id)
				}
				if tt.after > 0 {
					if s := e.state(id); s != pdu.StateEnroute {
						t.Errorf("state %v after the submission", s)
					}
				}
				if tt.state == 0 {
					time.Sleep(tt.after + time.Second)
					if n := e.count(); n != 0 {
						t.Errorf("%d receipts that nobody asked for", n)
					}
				} else {
					d := e.wait(1)[0]
					if took := time.Since(begin); took < tt.after || took > tt.after+200*time.Millisecond {
						t.Errorf("the receipt came after %v, want %v", took, tt.after)
					}
					r := receipt(t, d)
					want := "Your code is 4711, k"
					if r.ID != id || r.State != tt.state || r.Err != tt.err || r.Text != want || d.Source != mobile || d.Dest != from || d.ESMClass != pdu.TypeDeliveryReceipt {
						t.Errorf("receipt %+v in %+v", r, d)
					}
					if tag, _ := pdu.TLVReceiptedMessageID.Get(d.TLVs); tag != id {
						t.Errorf("receipted_message_id %q", tag)
					}
					if ref, _ := pdu.TLVUserMessageReference.Get(d.TLVs); ref != 99 {
						t.Errorf("user_message_reference %d", ref)
					}
				}
				if s := e.state(id); s != tt.end {
					t.Errorf("final state %v; want %v", s, tt.end)
				}
			})
		})
	}
}

func TestIntermediateNotification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := piped(t, center.Config{Handset: handset.Profile{Name: "retry"}}).bind(smpp.Config{}, nil)
		m := text(mobile, "x")
		m.RegisteredDelivery |= pdu.IntermediateNotification
		id := e.submit(m)
		got := e.wait(2)
		first, second := receipt(t, got[0]), receipt(t, got[1])
		if !first.Intermediate || first.State != pdu.StateEnroute || first.ID != id || got[0].ESMClass != pdu.TypeIntermediateNotification {
			t.Errorf("first %+v in %+v", first, got[0])
		}
		if second.Intermediate || second.State != pdu.StateDelivered || second.ID != id {
			t.Errorf("second %+v", second)
		}
	})
}

func TestScheduleAndCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{})
		e := p.bind(smpp.Config{Version: pdu.V50}, nil)
		old := p.bind(smpp.Config{Bind: smpp.Transmitter}, nil)
		absolute, err := pdu.AbsoluteTime(time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		schedule := func(when pdu.Time, dest pdu.Address) string {
			m := text(dest, "later")
			m.ScheduleDeliveryTime = when
			return e.submit(m)
		}
		a, b := schedule(absolute, mobile), schedule(relative(t, 2*time.Hour), mobile)
		other := schedule(absolute, pdu.International("4912345"))
		if s := e.state(a); s != pdu.StateScheduled {
			t.Errorf("v5.0: %v", s)
		}
		if s := old.state(a); s != pdu.StateEnroute {
			t.Errorf("v3.4 has no scheduled: %v", s)
		}
		cancel := func(c pdu.CancelSM, want pdu.Status) {
			t.Helper()
			_, err := e.Cancel(t.Context(), &c)
			wantStatus(t, fmt.Sprintf("cancel_sm %+v", c), err, want)
		}
		cancel(pdu.CancelSM{MessageID: "1000000000000000", Source: from}, pdu.StatusInvalidMessageID)
		cancel(pdu.CancelSM{MessageID: a}, pdu.StatusInvalidSource)
		cancel(pdu.CancelSM{MessageID: a, Source: from, Dest: pdu.International("49")}, pdu.StatusInvalidDest)
		cancel(pdu.CancelSM{MessageID: a, Source: from, Dest: mobile}, pdu.StatusOK)
		cancel(pdu.CancelSM{MessageID: a, Source: from}, pdu.StatusCancelFailed)
		if r := receipt(t, e.wait(1)[0]); r.ID != a || r.State != pdu.StateDeleted {
			t.Errorf("receipt of the cancelled %+v", r)
		}
		time.Sleep(time.Hour + time.Second)
		if r := receipt(t, e.wait(2)[1]); r.ID != other || r.State != pdu.StateDelivered {
			t.Errorf("receipt of the one on time %+v", r)
		}
		cancel(pdu.CancelSM{Source: from, Dest: mobile, ServiceType: "WAP"}, pdu.StatusCancelFailed)
		cancel(pdu.CancelSM{Source: pdu.Alphanumeric("NOT"), Dest: mobile}, pdu.StatusCancelFailed)
		cancel(pdu.CancelSM{Source: from}, pdu.StatusInvalidDest)
		cancel(pdu.CancelSM{Source: from, Dest: mobile}, pdu.StatusOK)
		if s := e.state(b); s != pdu.StateDeleted {
			t.Errorf("after the group cancel: %v", s)
		}
		id := e.submit(text(mobile, "away"))
		cancel(pdu.CancelSM{MessageID: id, Source: from}, pdu.StatusCancelFailed) // on its way
	})
}

func TestReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{Accounts: []account.Account{{ID: "demo", Password: "demo", Addresses: []string{"8080"}}}})
		e := p.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
		short := pdu.ShortCode("8080")
		first := e.submit(text(short, "first")) // nobody is bound for it: it waits
		second := e.submit(text(short, "second"))
		m := text(short, "first again")
		m.ReplaceIfPresent = 1
		if id := e.submit(m); id != first {
			t.Errorf("replace_if_present: id %s; want that of the message replaced, %s", id, first)
		}
		m = text(short, "other service")
		m.ReplaceIfPresent, m.ServiceType = 1, "CMT"
		third := e.submit(m)
		if third == first || third == second {
			t.Error("a message of another service type was replaced")
		}
		replace := func(r pdu.ReplaceSM, want pdu.Status) {
			t.Helper()
			_, err := e.Replace(t.Context(), &r)
			wantStatus(t, fmt.Sprintf("replace_sm %+v", r), err, want)
		}
		replace(pdu.ReplaceSM{MessageID: "nothing", Source: from}, pdu.StatusInvalidMessageID)
		replace(pdu.ReplaceSM{MessageID: second}, pdu.StatusInvalidSource)
		replace(pdu.ReplaceSM{MessageID: second, Source: from, ValidityPeriod: "990101000000000+"}, pdu.StatusInvalidExpiry)
		replace(pdu.ReplaceSM{MessageID: second, Source: from, DefaultMessageID: 1}, pdu.StatusInvalidDefaultMessageID)
		replace(pdu.ReplaceSM{MessageID: second, Source: from, ShortMessage: []byte("second later"), ScheduleDeliveryTime: relative(t, time.Minute)}, pdu.StatusOK)
		if s := e.state(second); s != pdu.StateScheduled {
			t.Errorf("replaced with a time: %v", s)
		}
		r := p.bind(smpp.Config{Bind: smpp.Receiver}, nil)
		got := r.wait(2)
		if a, b := string(got[0].ShortMessage), string(got[1].ShortMessage); a != "first again" || b != "other service" {
			t.Errorf("delivered %q, %q", a, b)
		}
		messages := func() (n int) {
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, d := range r.got {
				if !d.ESMClass.IsReceipt() {
					n++
				}
			}
			return n
		}
		time.Sleep(50 * time.Second)
		if n := messages(); n != 2 {
			t.Errorf("%d messages before the time", n)
		}
		time.Sleep(11 * time.Second)
		if n := messages(); n != 3 {
			t.Errorf("%d messages after the time", n)
		}
		replace(pdu.ReplaceSM{MessageID: second, Source: from}, pdu.StatusReplaceFailed)
	})
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := piped(t, center.Config{}).bind(smpp.Config{Version: pdu.V50}, nil)
		for _, tt := range []struct {
			name   string
			change func(*pdu.SubmitSM)
			want   pdu.Status
		}{
			{"fine", func(*pdu.SubmitSM) {}, pdu.StatusOK},
			{"no destination", func(m *pdu.SubmitSM) { m.Dest.Addr = "" }, pdu.StatusInvalidDest},
			{"blank in destination", func(m *pdu.SubmitSM) { m.Dest.Addr = "49 17" }, pdu.StatusInvalidDest},
			{"control in source", func(m *pdu.SubmitSM) { m.Source = pdu.International("49\n") }, pdu.StatusInvalidSource},
			{"receipt as a type", func(m *pdu.SubmitSM) { m.ESMClass = pdu.TypeDeliveryReceipt }, pdu.StatusInvalidESMClass},
			{"acknowledgement as a type", func(m *pdu.SubmitSM) { m.ESMClass = pdu.TypeUserAcknowledgement }, pdu.StatusOK},
			{"canned message", func(m *pdu.SubmitSM) { m.DefaultMessageID = 1 }, pdu.StatusInvalidDefaultMessageID},
			{"priority 4", func(m *pdu.SubmitSM) { m.PriorityFlag = 4 }, pdu.StatusOK},
			{"priority 5", func(m *pdu.SubmitSM) { m.PriorityFlag = 5 }, pdu.StatusInvalidPriorityFlag},
			{"replace flag 2", func(m *pdu.SubmitSM) { m.ReplaceIfPresent = 2 }, pdu.StatusInvalidReplaceFlag},
			{"validity in the past", func(m *pdu.SubmitSM) { m.ValidityPeriod = "990101000000000+" }, pdu.StatusInvalidExpiry},
			{"validity before the schedule", func(m *pdu.SubmitSM) {
				m.ScheduleDeliveryTime, m.ValidityPeriod = relative(t, time.Hour), relative(t, time.Minute)
			}, pdu.StatusInvalidExpiry},
			{"schedule in the past", func(m *pdu.SubmitSM) { m.ScheduleDeliveryTime = "990101000000000+" }, pdu.StatusOK},
			{"schedule beyond the default validity", func(m *pdu.SubmitSM) { m.ScheduleDeliveryTime = relative(t, 90*24*time.Hour) }, pdu.StatusOK},
			{"lives no time", func(m *pdu.SubmitSM) { pdu.TLVQOSTimeToLive.Set(&m.TLVs, 0) }, pdu.StatusInvalidExpiry},
		} {
			m := text(mobile, "x")
			tt.change(m)
			_, err := e.Submit(t.Context(), m)
			wantStatus(t, tt.name, err, tt.want)
		}
		_, err := e.Data(t.Context(), &pdu.DataSM{Source: from, Dest: mobile})
		wantStatus(t, "data_sm without payload", err, pdu.StatusMissingTLV)
		_, err = e.Query(t.Context(), &pdu.QuerySM{MessageID: "12", Source: from})
		wantStatus(t, "query_sm of nothing", err, pdu.StatusInvalidMessageID)
	})
}

// Times that this side could not write are refused too.
func TestMalformedTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{})
		for _, tt := range []struct {
			field string
			want  pdu.Status
		}{{"schedule_delivery_time", pdu.StatusInvalidScheduleTime}, {"validity_period", pdu.StatusInvalidExpiry}} {
			conn := p.connect()
			exchange := func(json string) pdu.Header {
				t.Helper()
				octets, err := pdu.Standard().ParseJSON([]byte(json))
				if err != nil {
					t.Fatal(err)
				}
				go func() { _, _ = conn.Write(octets) }()
				head := make([]byte, pdu.HeaderLen)
				if _, err := io.ReadFull(conn, head); err != nil {
					t.Fatal(err)
				}
				h, length, err := pdu.ParseHeader(head)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.CopyN(io.Discard, conn, int64(length)-pdu.HeaderLen); err != nil {
					t.Fatal(err)
				}
				return h
			}
			exchange(`{"command":"bind_transmitter","sequence_number":1,"body":{"system_id":"demo","password":"demo","interface_version":52}}`)
			h := exchange(`{"command":"submit_sm","sequence_number":2,"body":{"destination_addr":"49","` + tt.field + `":"241301000000000+"}}`)
			if h.Status != tt.want {
				t.Errorf("%s of month 13: %v; want %v", tt.field, h.Status, tt.want)
			}
			_ = conn.Close()
		}
	})
}

func TestSubmitMulti(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := piped(t, center.Config{}).bind(smpp.Config{Version: pdu.V50}, nil)
		m := &pdu.SubmitMulti{Source: from, ShortMessage: []byte("all"), RegisteredDelivery: pdu.FinalReceipt,
			Dests: []pdu.Destination{{List: "friends"}, {Address: mobile}, {Address: pdu.International("")}, {Address: pdu.International("4912345")}}}
		resp, err := e.SubmitMulti(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		want := []pdu.Unsuccessful{{Address: pdu.Address{Addr: "friends"}, Status: pdu.StatusInvalidDistributionList}, {Address: pdu.International(""), Status: pdu.StatusInvalidDest}}
		if !slices.Equal(resp.Failed, want) {
			t.Errorf("unsuccess_sme %+v; want %+v", resp.Failed, want)
		}
		if s := e.state(resp.MessageID); s != pdu.StateEnroute {
			t.Errorf("state %v", s)
		}
		var sources []string
		for _, d := range e.wait(2) {
			if r := receipt(t, d); r.ID != resp.MessageID || r.State != pdu.StateDelivered {
				t.Errorf("receipt %+v", r)
			}
			sources = append(sources, d.Source.Addr)
		}
		if slices.Sort(sources); !slices.Equal(sources, []string{"4912345", "491701234567"}) {
			t.Errorf("receipts about %v", sources)
		}
		if s := e.state(resp.MessageID); s != pdu.StateDelivered {
			t.Errorf("state %v", s)
		}
		_, err = e.SubmitMulti(t.Context(), &pdu.SubmitMulti{Source: from, Dests: []pdu.Destination{{List: "friends"}}})
		wantStatus(t, "nothing but a list", err, pdu.StatusSubmitFailed)
	})
}

// What comes in on one side goes out on the other.
func TestDeliverToReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{Accounts: []account.Account{{ID: "demo", Password: "demo"}, {ID: "shop", Password: "x"}}})
		e := p.bind(smpp.Config{Version: pdu.V50}, nil)
		r := p.bind(smpp.Config{SystemID: "shop", Password: "x", Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: "^80"}}, nil)
		synctest.Wait()
		m := &pdu.SubmitSM{
			ServiceType: "CMT", Source: pdu.International("491701234567"), Dest: pdu.ShortCode("8080"), ESMClass: pdu.UDHI | pdu.ModeStoreAndForward, ProtocolID: 0x41,
			PriorityFlag: 4, DataCoding: pdu.CodingOctets, ShortMessage: append([]byte{5, 0, 3, 1, 2, 1}, make([]byte, 249)...),
			RegisteredDelivery: pdu.FinalReceipt | pdu.UserAck, TLVs: tlv.List{pdu.TLVUserMessageReference.Option(9), {Tag: 0x1400, Value: []byte("vendor")}},
		}
		id := e.submit(m)
		d := r.wait(1)[0]
		if d.Source != m.Source || d.Dest != m.Dest || d.ServiceType != "CMT" || d.ESMClass != pdu.UDHI || d.ProtocolID != 0x41 || d.PriorityFlag != 3 ||
			d.DataCoding != m.DataCoding || d.RegisteredDelivery != pdu.UserAck {
			t.Errorf("deliver_sm %+v", d)
		}
		data, _ := sms.UserData(d)
		if string(data.Raw) != string(m.ShortMessage) {
			t.Errorf("user data %x", data.Raw)
		}
		if v, _ := d.TLVs.Get(0x1400); string(v) != "vendor" {
			t.Errorf("vendor TLV %q", v)
		}
		got := receipt(t, e.wait(1)[0])
		if got.ID != id || got.State != pdu.StateDelivered {
			t.Errorf("receipt %+v", got)
		}
		if n := r.count(); n != 1 {
			t.Errorf("the receiver got %d PDUs", n)
		}
		resp, err := e.Data(t.Context(), &pdu.DataSM{Source: from, Dest: pdu.ShortCode("8081"), TLVs: tlv.List{pdu.TLVMessagePayload.Option([]byte("by data"))}})
		if err != nil || resp.MessageID == "" {
			t.Fatalf("data_sm: %+v, %v", resp, err)
		}
		if s := sms.Text(r.wait(2)[1]); s != "by data" {
			t.Errorf("delivered %q", s)
		}
	})
}

func TestReceiverAnswers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers []pdu.Status // then all is taken
		want    pdu.MessageState
		err     string
		after   time.Duration
	}{
		{"takes it", nil, pdu.StateDelivered, "000", 0},
		{"not now", []pdu.Status{pdu.StatusTemporaryAppError}, pdu.StateDelivered, "000", time.Second},
		{"throttled twice", []pdu.Status{pdu.StatusThrottled, pdu.StatusQueueFull}, pdu.StateDelivered, "000", 6 * time.Second},
		{"does not want it", []pdu.Status{pdu.StatusRejectedByApp}, pdu.StateRejected, "102", 0},
		{"never", []pdu.Status{pdu.StatusPermanentAppError}, pdu.StateUndeliverable, "101", 0},
		{"does not like it", []pdu.Status{pdu.StatusInvalidDest}, pdu.StateUndeliverable, "011", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := piped(t, center.Config{})
				e := p.bind(smpp.Config{Version: pdu.V50}, nil)
				answers := tt.answers
				p.bind(smpp.Config{Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: "8080"}}, func(d *pdu.DeliverSM) error {
					if len(answers) == 0 || d.ESMClass.IsReceipt() {
						return nil
					}
					status := answers[0]
					answers = answers[1:]
					return status
				})
				synctest.Wait()
				begin := time.Now()
				id := e.submit(text(pdu.ShortCode("8080"), "x"))
				r := receipt(t, e.wait(1)[0])
				took := time.Since(begin)
				if r.ID != id || r.State != tt.want || r.Err != tt.err || took < tt.after || took > tt.after+500*time.Millisecond {
					t.Errorf("receipt %+v after %v; want %v, err %s, after %v", r, took, tt.want, tt.err, tt.after)
				}
			})
		})
	}
}

// A receiver that goes away in the middle gets the rest when it is back, in
// order, and nothing goes to anybody else.
func TestReceiverComesBack(t *testing.T) {
	p := looped(t, center.Config{DeliverWindow: 5, Handset: handset.Profile{Name: "fail"}})
	e := p.bind(smpp.Config{}, nil)
	const n = 500
	rangeOf := pdu.Address{Addr: "8080"}
	enough := make(chan struct{})
	seen := 0
	first := p.bind(smpp.Config{Bind: smpp.Receiver, AddressRange: rangeOf}, func(d *pdu.DeliverSM) error {
		if !d.ESMClass.IsReceipt() {
			if seen++; seen == 100 {
				close(enough)
			}
		}
		return nil
	})
	for i := range n {
		e.submit(text(pdu.ShortCode("8080"), fmt.Sprint(i)))
	}
	<-enough
	_ = first.NetConn().Close() // no unbind: as when the line breaks
	<-first.Done()
	eventually(t, func() bool { return p.center.Stats().Sessions == 1 }) // the center has noticed
	second := p.bind(smpp.Config{Bind: smpp.Receiver, AddressRange: rangeOf}, nil)

	delivered := map[string]int{}
	last := -1
	receipts := map[string]bool{}
	count := func(es ...*esme) {
		clear(delivered)
		for _, x := range es {
			x.mu.Lock()
			for _, d := range x.got {
				if d.ESMClass.IsReceipt() {
					r := receipt(t, d)
					if receipts[r.ID] = true; r.State != pdu.StateDelivered {
						t.Errorf("receipt %+v", r)
					}
				} else {
					delivered[string(d.ShortMessage)]++
				}
			}
			x.mu.Unlock()
		}
	}
	if !eventually(t, func() bool { count(e, first, second); return len(delivered) >= n && len(receipts) >= n }) {
		t.Fatalf("%d messages and %d receipts of %d", len(delivered), len(receipts), n)
	}
	repeated := 0
	for _, times := range delivered {
		repeated += times - 1
	}
	if repeated > 5 {
		t.Errorf("%d messages came twice; only the 5 that were not acknowledged may", repeated)
	}
	for _, d := range second.got {
		if d.ESMClass.IsReceipt() {
			continue
		}
		var i int
		if _, err := fmt.Sscan(string(d.ShortMessage), &i); err != nil || i <= last {
			t.Fatalf("message %q after %d", d.ShortMessage, last)
		}
		last = i
	}
}

// Receipts wait for the account while nobody is bound to take them.
func TestReceiptsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{Accounts: []account.Account{{ID: "demo", Password: "demo"}, {ID: "other", Password: "x"}}})
		e := p.bind(smpp.Config{Bind: smpp.Transmitter}, nil)
		other := p.bind(smpp.Config{SystemID: "other", Password: "x"}, nil)
		want := map[string]bool{}
		for i := range 100 {
			want[e.submit(text(pdu.International(fmt.Sprint(4917000+i)), "x"))] = true
		}
		_ = e.Close()
		time.Sleep(time.Hour)
		r := p.bind(smpp.Config{Bind: smpp.Receiver}, nil)
		for _, d := range r.wait(100) {
			delete(want, receipt(t, d).ID)
		}
		if len(want) != 0 {
			t.Errorf("%d receipts are missing", len(want))
		}
		if n := other.count(); n != 0 {
			t.Errorf("another account got %d receipts", n)
		}
		time.Sleep(time.Second)
		if s := p.center.Stats(); s.Live != 0 || s.Places != 0 {
			t.Errorf("left behind: %+v", s)
		}
	})
}

// A receipt goes to the session that its message came on, others in turn.
func TestReceiptsGoBackTheWayTheyCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{})
		a, b := p.bind(smpp.Config{}, nil), p.bind(smpp.Config{}, nil)
		synctest.Wait()
		for range 5 {
			a.submit(text(mobile, "x"))
		}
		a.wait(5)
		if n := b.count(); n != 0 {
			t.Errorf("%d receipts went the other way", n)
		}
	})
}

func TestAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{Accounts: []account.Account{
			{ID: "a", Password: "pa"}, {ID: "b", Password: "pb"}, {ID: "tx", Password: "x", Modes: account.Transmitter},
		}})
		for _, cfg := range []smpp.Config{{SystemID: "a", Password: "pb"}, {SystemID: "c", Password: "pa"}, {SystemID: "a"}, {SystemID: "a", Password: "pa", AddressRange: pdu.Address{Addr: "(("}}} {
			_, err := smpp.Bind(t.Context(), p.connect(), &cfg)
			wantStatus(t, "bind of "+cfg.SystemID, err, pdu.StatusBindFailed)
		}
		a := p.bind(smpp.Config{SystemID: "a", Password: "pa"}, nil)
		b := p.bind(smpp.Config{SystemID: "b", Password: "pb"}, nil)
		id := a.submit(text(mobile, "x"))
		_, err := b.Query(t.Context(), &pdu.QuerySM{MessageID: id, Source: from})
		wantStatus(t, "query_sm of another account's message", err, pdu.StatusInvalidMessageID)
		_, err = b.Cancel(t.Context(), &pdu.CancelSM{MessageID: id, Source: from})
		wantStatus(t, "cancel_sm of another account's message", err, pdu.StatusInvalidMessageID)
		_, err = smpp.Bind(t.Context(), p.connect(), &smpp.Config{SystemID: "tx", Password: "x"})
		wantStatus(t, "bind as what the account may not be", err, pdu.StatusBindFailed)
		p.bind(smpp.Config{SystemID: "tx", Password: "x", Bind: smpp.Transmitter}, nil).submit(text(mobile, "x"))
	})
}

// v3.3 has ids of 8 digits and no TLVs.
func TestVersion33(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{Handset: handset.Profile{Name: "reject"}})
		tx := p.bind(smpp.Config{Version: pdu.V33, Bind: smpp.Transmitter}, nil)
		rx := p.bind(smpp.Config{Version: pdu.V33, Bind: smpp.Receiver}, nil)
		m := text(mobile, "old")
		id := tx.submit(m)
		if len(id) != 8 {
			t.Fatalf("message_id %q has not 8 digits", id)
		}
		d := rx.wait(1)[0]
		if r, ok := sms.ParseReceipt(string(d.ShortMessage), nil); !ok || r.ID != id || r.Stat != "REJECTD" || len(d.TLVs) != 0 {
			t.Errorf("receipt %q with %d TLVs", d.ShortMessage, len(d.TLVs))
		}
		if s := tx.state(id); s != pdu.StateUndeliverable {
			t.Errorf("state %v; v3.3 knows no rejected", s)
		}
		modern := p.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
		if s := modern.state(id); s != pdu.StateRejected {
			t.Errorf("state %v by the short id", s)
		}
		absolute, err := pdu.AbsoluteTime(time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		m.ScheduleDeliveryTime = absolute
		if _, err := tx.Cancel(t.Context(), &pdu.CancelSM{MessageID: tx.submit(m), Source: from}); err != nil {
			t.Error(err)
		}
	})
}

func TestQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{MaxWaiting: 100, MaxPerAccount: 10, Accounts: []account.Account{{ID: "demo", Password: "demo"}, {ID: "b", Password: "b"}}})
		e := p.bind(smpp.Config{Bind: smpp.Transmitter}, nil)
		for range 10 {
			e.submit(text(mobile, "x"))
		}
		_, err := e.Submit(t.Context(), text(mobile, "x"))
		wantStatus(t, "one too many", err, pdu.StatusQueueFull)
		p.bind(smpp.Config{SystemID: "b", Password: "b"}, nil).submit(text(mobile, "x"))
		time.Sleep(time.Second) // delivered: ten receipts wait in their places
		_, err = e.Submit(t.Context(), text(mobile, "x"))
		wantStatus(t, "too many receipts wait", err, pdu.StatusQueueFull)
		p.bind(smpp.Config{Bind: smpp.Receiver}, nil).wait(10)
		time.Sleep(time.Second)
		e.submit(text(mobile, "x"))
	})
}

func TestExpiryWhileNobodyIsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{Accounts: []account.Account{{ID: "demo", Password: "demo", Addresses: []string{"8080"}}}})
		e := p.bind(smpp.Config{Bind: smpp.Transmitter}, nil)
		m := text(pdu.ShortCode("8080"), "x")
		pdu.TLVQOSTimeToLive.Set(&m.TLVs, 30)
		id := e.submit(m)
		time.Sleep(29 * time.Second)
		if s := e.state(id); s != pdu.StateEnroute {
			t.Errorf("state %v", s)
		}
		time.Sleep(1100 * time.Millisecond)
		if s := e.state(id); s != pdu.StateExpired {
			t.Errorf("state %v", s)
		}
		resp, err := e.Query(t.Context(), &pdu.QuerySM{MessageID: id, Source: from})
		if err != nil {
			t.Fatal(err)
		}
		if at, err := resp.FinalDate.At(time.Now()); err != nil || time.Since(at) > 2*time.Second {
			t.Errorf("final_date %q", resp.FinalDate)
		}
		time.Sleep(25 * time.Hour)
		_, err = e.Query(t.Context(), &pdu.QuerySM{MessageID: id, Source: from})
		wantStatus(t, "query_sm after a day", err, pdu.StatusInvalidMessageID)
	})
}

// An ESME that wants its messages later gets them when it binds again, whatever
// the pause.
func TestPauseEndsWithBind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{Retry: []time.Duration{5 * time.Hour}})
		e := p.bind(smpp.Config{Bind: smpp.Transmitter}, nil)
		r := p.bind(smpp.Config{Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: "8080"}}, func(*pdu.DeliverSM) error { return pdu.StatusTemporaryAppError })
		synctest.Wait()
		m := text(pdu.ShortCode("8080"), "x")
		m.RegisteredDelivery = 0
		e.submit(m)
		time.Sleep(time.Minute)
		_ = r.Close()
		time.Sleep(time.Minute)
		begin := time.Now()
		p.bind(smpp.Config{Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: "8080"}}, nil).wait(1)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("the message came %v after the bind", took)
		}
	})
}

// The address range of an ESME that is gone stays its own for a while.
func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{Linger: time.Minute, Handset: handset.Profile{Name: "fail"}})
		e := p.bind(smpp.Config{}, nil)
		r := p.bind(smpp.Config{Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: "80*"}}, nil)
		synctest.Wait()
		_ = r.Close()
		id := e.submit(text(pdu.ShortCode("8080"), "x"))
		time.Sleep(50 * time.Second)
		if s := e.state(id); s != pdu.StateEnroute {
			t.Errorf("state %v while the address is still the ESME's", s)
		}
		time.Sleep(11 * time.Second)
		if s := e.state(id); s != pdu.StateUndeliverable {
			t.Errorf("state %v after that, in the network that knows no number", s)
		}
	})
}

func TestShutdownDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{})
		e := p.bind(smpp.Config{}, nil)
		for i := range 50 {
			e.submit(text(pdu.International(fmt.Sprint(4917000+i)), "x"))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		done := make(chan error, 1)
		go func() { done <- p.center.Shutdown(ctx) }()
		synctest.Wait()
		_, err := e.Submit(t.Context(), text(mobile, "x"))
		wantStatus(t, "a message during shutdown", err, pdu.StatusSystemError)
		if err := <-done; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if n := e.count(); n != 50 {
			t.Errorf("%d of 50 receipts", n)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("Shutdown took %v", took)
		}
	})
}

func TestShutdownIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{Handset: handset.Profile{Delay: time.Hour}})
		p.bind(smpp.Config{}, nil).submit(text(mobile, "x"))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin := time.Now()
		if err := p.center.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
		if took := time.Since(begin); took > 7*time.Second {
			t.Errorf("Shutdown took %v", took)
		}
	})
}

// A center takes up what its store holds.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := new(memory.Store)
		defer func() { _ = kept.Close() }()
		var s store.Store = kept
		accounts := []account.Account{{ID: "demo", Password: "demo", Addresses: []string{"8080"}}}
		p := piped(t, center.Config{Store: s, Accounts: accounts})
		e := p.bind(smpp.Config{Bind: smpp.Transmitter}, nil)
		waits := e.submit(text(pdu.ShortCode("8080"), "waits"))
		m := text(mobile, "later")
		m.ScheduleDeliveryTime = relative(t, time.Hour)
		scheduled := e.submit(m)
		_ = e.Close()
		_ = p.center.Close()

		p = piped(t, center.Config{Store: s, Accounts: accounts})
		e = p.bind(smpp.Config{Version: pdu.V50, AddressRange: pdu.Address{Addr: "8080"}}, nil)
		got := e.wait(2)
		if string(got[0].ShortMessage) != "waits" || receipt(t, got[1]).ID != waits {
			t.Errorf("after the restart: %+v", got)
		}
		if s := e.state(scheduled); s != pdu.StateScheduled {
			t.Errorf("state %v", s)
		}
		if id := e.submit(text(mobile, "new")); id <= scheduled {
			t.Errorf("id %s is not above %s", id, scheduled)
		}
		time.Sleep(2 * time.Hour)
		if s := e.state(scheduled); s != pdu.StateDelivered {
			t.Errorf("state %v", s)
		}
	})
}

// Ten thousand messages, all accounted for.
func TestManyMessages(t *testing.T) { testMany(t, nil, 4, 2500) }

// The same with a store that may block, whose requests are handled on goroutines
// of their own.
func TestManyMessagesWithAnotherStore(t *testing.T) {
	testMany(t, struct{ store.Store }{new(memory.Store)}, 2, 1000)
}

func testMany(t *testing.T, kept store.Store, sessions, each int) {
	p := looped(t, center.Config{Store: kept, Handset: handset.Profile{Name: "random", Delay: -1, Seed: 7}, Retry: []time.Duration{50 * time.Millisecond}, DeliverWindow: 100})
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]int{}
	var es []*esme
	for range sessions {
		es = append(es, p.bind(smpp.Config{}, nil))
	}
	for k, e := range es {
		wg.Go(func() {
			var answers sync.WaitGroup
			for i := range each {
				answers.Add(1)
				err := smpp.Go(t.Context(), e.Session, text(pdu.International(fmt.Sprint(491700000+1000*k+i%997)), "x"), func(resp *pdu.SubmitSMResp, err error) {
					defer answers.Done()
					if err != nil {
						t.Errorf("submit_sm: %v", err)
						return
					}
					mu.Lock()
					ids[resp.MessageID]++
					mu.Unlock()
				})
				if err != nil {
					answers.Done()
					t.Error(err)
				}
			}
			answers.Wait()
		})
	}
	wg.Wait()
	if len(ids) != sessions*each {
		t.Fatalf("%d different ids for %d messages", len(ids), sessions*each)
	}
	total := func() (n int) {
		for _, e := range es {
			n += e.count()
		}
		return n
	}
	eventually(t, func() bool { return total() >= sessions*each && p.center.Stats().Live == 0 })
	states := map[pdu.MessageState]int{}
	for _, e := range es {
		e.mu.Lock()
		for _, d := range e.got {
			r := receipt(t, d)
			ids[r.ID]++
			states[r.State]++
		}
		e.mu.Unlock()
	}
	for id, n := range ids {
		if n != 2 {
			t.Errorf("message %s has %d receipts", id, n-1)
		}
	}
	if states[pdu.StateDelivered] < sessions*each/2 || states[pdu.StateUndeliverable] == 0 || states[pdu.StateRejected] == 0 {
		t.Errorf("states %v", states)
	}
	if s := p.center.Stats(); s.Live != 0 || s.Places != 0 || s.Dropped != 0 {
		t.Errorf("left behind: %+v", s)
	}
}

func ExampleNew() {
	c, err := center.New(center.Config{
		Accounts: []account.Account{{ID: "acme", Password: "secret"}},
		Handset:  handset.Profile{Name: "deliver", Delay: 10 * time.Millisecond},
		Logger:   slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error, 1)
	go func() { served <- c.Serve(l) }()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	receipts := make(chan string, 1)
	s, err := smpp.Dial(ctx, "smpp://acme:secret@"+l.Addr().String(), &smpp.Config{
		Handler: smpp.HandlerFor(func(_ context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
			if r, ok := (sms.Profile{}).ReadReceipt(m); ok {
				receipts <- fmt.Sprintf("%v: %s", m.Source, r.Stat)
			}
			return nil, nil
		}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = s.Submit(ctx, &pdu.SubmitSM{
		Source:             pdu.Alphanumeric("ACME"),
		Dest:               pdu.International("491701234567"),
		ShortMessage:       []byte("Your code is 4711"),
		RegisteredDelivery: pdu.FinalReceipt,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-receipts)
	fmt.Println(c.Shutdown(ctx), <-served)
	// Output:
	// +491701234567: DELIVRD
	// <nil> smpp: server closed
}

// Who knows that it is bound is delivered to: nothing goes past it from then on.
func TestRouteWithTheBind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The center takes its time after it has answered a bind.
		late := &smpp.Trace{Bound: func(*smpp.Session) { time.Sleep(time.Second) }}
		p := piped(t, center.Config{Handset: handset.Profile{Name: "fail"}, Trace: late})
		e := p.bind(smpp.Config{}, nil)
		for i := range 3 {
			address := fmt.Sprint(8000 + i)
			r := p.bind(smpp.Config{Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: address}}, nil)
			id := e.submit(text(pdu.ShortCode(address), "at once"))
			if got := receipt(t, e.wait(i + 1)[i]); got.ID != id || got.State != pdu.StateDelivered || r.count() != 1 {
				t.Errorf("%v, and %d messages at the receiver", got.State, r.count())
			}
		}
		time.Sleep(2 * time.Second) // until the last bind is through
	})
}
