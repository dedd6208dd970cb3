package center_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/pdu"
)

// Each setting, changed while a session lives, holds for what comes next.
func TestReconfigure(t *testing.T) {
	submit := func(m func(*pdu.SubmitSM)) func(e *esme) error {
		return func(e *esme) error {
			p := text(mobile, "hi")
			m(p)
			_, err := e.Submit(e.t.Context(), p)
			return err
		}
	}
	broadcast := func(e *esme) error {
		p := &pdu.BroadcastSM{Source: from}
		pdu.TLVBroadcastAreaIdentifier.Add(&p.TLVs, pdu.Area{Format: pdu.AreaAlias, Details: []byte("north")})
		pdu.TLVBroadcastContentType.Set(&p.TLVs, pdu.ContentType{})
		pdu.TLVBroadcastRepNum.Set(&p.TLVs, 1)
		pdu.TLVBroadcastFrequency.Set(&p.TLVs, pdu.Frequency{Unit: pdu.EveryHours, Count: 1})
		pdu.TLVMessagePayload.Set(&p.TLVs, []byte("hi"))
		_, err := e.Broadcast(e.t.Context(), p)
		return err
	}
	for _, tt := range []struct {
		name   string
		old    center.Config
		change func(*center.Config)
		do     func(*esme) error // before and after
		before pdu.Status
		after  pdu.Status
	}{
		{"texts", center.Config{}, func(c *center.Config) { c.DefaultTexts = map[uint8]string{7: "Good morning"} },
			submit(func(m *pdu.SubmitSM) { m.DefaultMessageID, m.ShortMessage = 7, nil }), pdu.StatusInvalidDefaultMessageID, 0},
		{"lists", center.Config{}, func(c *center.Config) { c.Lists = map[string][]pdu.Address{"team": {mobile}} }, func(e *esme) error {
			_, err := e.SubmitMulti(e.t.Context(), &pdu.SubmitMulti{Source: from, Dests: []pdu.Destination{{List: "team"}}, ShortMessage: []byte("hi")})
			return err
		}, pdu.StatusSubmitFailed, 0},
		{"service types", center.Config{}, func(c *center.Config) { c.ServiceTypes = []string{"WAP"} },
			submit(func(m *pdu.SubmitSM) { m.ServiceType = "CMT" }), 0, pdu.StatusInvalidServiceType},
		{"areas", center.Config{}, func(c *center.Config) { c.Areas = []string{"south"} }, broadcast, 0, pdu.StatusBroadcastFailed},
		{"places", center.Config{MaxWaiting: 1, Handset: handset.Profile{Delay: time.Hour}}, func(c *center.Config) { c.MaxWaiting = 100 }, func(e *esme) error {
			if _, err := e.Submit(e.t.Context(), text(mobile, "one")); err != nil {
				return err
			}
			_, err := e.Submit(e.t.Context(), text(mobile, "two"))
			return err
		}, pdu.StatusQueueFull, 0},
		{"the handset", center.Config{}, func(c *center.Config) {
			c.Handset.Throttle = handset.Burst{For: time.Hour - time.Millisecond, Every: time.Hour}
		}, submit(func(*pdu.SubmitSM) {}), 0, pdu.StatusThrottled},
		{"accounts", center.Config{}, func(c *center.Config) {
			c.Accounts = []account.Account{{ID: "demo", Password: "demo", Sources: []string{"BANK"}}}
		}, submit(func(*pdu.SubmitSM) {}), 0, pdu.StatusInvalidSource},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := piped(t, tt.old)
				e := p.bind(smpp.Config{Version: pdu.V50}, nil)
				wantStatus(t, "before", tt.do(e), tt.before)
				changed := tt.old
				tt.change(&changed)
				if err := p.center.Reconfigure(changed); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				wantStatus(t, "after", tt.do(e), tt.after)
				if err := p.center.Reconfigure(tt.old); err != nil {
					t.Fatal(err)
				}
				if e.Err() != nil {
					t.Errorf("the session has ended: %v", e.Err())
				}
			})
		})
	}
}

// What has to do with time: retries, validities, retention, the zone of receipts.
func TestReconfigureTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		berlin, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		cfg := center.Config{Handset: handset.Profile{Name: "retry", Delay: -1}, Retry: []time.Duration{time.Second}, Validity: time.Hour, Retention: time.Hour}
		p := piped(t, cfg)
		e := p.bind(smpp.Config{}, nil)
		told := func(want time.Duration, zone *time.Location) {
			t.Helper()
			n, began := e.count(), time.Now()
			id := e.submit(text(mobile, "hi"))
			got := e.wait(n + 1)[n]
			if took := time.Since(began).Round(time.Second); took != want {
				t.Errorf("delivered after %v; want %v", took, want)
			}
			if r := receipt(t, got); r.ID != id || !strings.Contains(string(got.ShortMessage), "submit date:"+began.In(zone).Format("0601021504")) {
				t.Errorf("receipt %q; want the zone %v", got.ShortMessage, zone)
			}
		}
		told(time.Second, time.UTC)
		kept := e.submit(text(mobile, "hi"))
		time.Sleep(10 * time.Minute)
		if s := e.state(kept); s != pdu.StateDelivered {
			t.Errorf("state %v", s)
		}
		cfg.Retry, cfg.Zone, cfg.Retention, cfg.Validity = []time.Duration{7 * time.Second}, berlin, time.Minute, 3*time.Second
		if err := p.center.Reconfigure(cfg); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_, err = e.Query(t.Context(), &pdu.QuerySM{MessageID: kept, Source: from})
		wantStatus(t, "query of what is not kept any more", err, pdu.StatusInvalidMessageID)
		n, began := e.count(), time.Now()
		e.submit(text(mobile, "too late"))
		if r := receipt(t, e.wait(n + 1)[n]); r.State != pdu.StateExpired || time.Since(began).Round(time.Second) != 3*time.Second {
			t.Errorf("%v after %v; want expired after 3s", r.State, time.Since(began))
		}
		cfg.Validity = time.Hour
		if err := p.center.Reconfigure(cfg); err != nil {
			t.Fatal(err)
		}
		told(7*time.Second, berlin)
	})
}

// What is about sessions holds for those that come.
func TestReconfigureSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := center.Config{EnquireLink: -1, DeliverWindow: 1, Handset: handset.Profile{Name: "fail"}}
		p := piped(t, cfg)
		old := p.bind(smpp.Config{EnquireLink: -1}, nil)
		cfg.Inactivity, cfg.Linger, cfg.WrongPassword = time.Minute, -1, pdu.StatusInvalidPassword
		cfg.Limits.BindAttempts = 1
		if err := p.center.Reconfigure(cfg); err != nil {
			t.Fatal(err)
		}
		_, err := smpp.Bind(t.Context(), p.connect(), &smpp.Config{SystemID: "demo", Password: "wrong", Logger: quiet})
		wantStatus(t, "a wrong password", err, pdu.StatusInvalidPassword)
		e := p.bind(smpp.Config{EnquireLink: -1, AddressRange: pdu.Address{Addr: "8080"}}, nil)
		began := time.Now()
		<-e.Done()
		if took := time.Since(began).Round(time.Second); took < time.Minute || took > time.Minute+time.Second {
			t.Errorf("the new session lived for %v without a transaction; want 1m", took)
		}
		// Nobody lingers: the number is that of a mobile again.
		n := old.count()
		old.submit(text(pdu.Address{Addr: "8080"}, "hi"))
		if r := receipt(t, old.wait(n + 1)[n]); r.State != pdu.StateUndeliverable {
			t.Errorf("state %v", r.State)
		}
		if old.Err() != nil {
			t.Errorf("the old session has ended: %v", old.Err())
		}
	})
}

// What waits for its next attempt goes on waiting, unless addresses change.
func TestReconfigureTriesNothingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := center.Config{Retry: []time.Duration{time.Hour}, Accounts: []account.Account{{ID: "demo", Password: "demo"}, {ID: "shop", Addresses: []string{"8080"}}}}
		p := piped(t, cfg)
		e := p.bind(smpp.Config{}, nil)
		attempts := 0
		shop := p.bind(smpp.Config{SystemID: "shop"}, func(*pdu.DeliverSM) error { attempts++; return pdu.StatusQueueFull })
		e.submit(text(pdu.Address{Addr: "8080"}, "hi"))
		tried := func() int {
			time.Sleep(time.Minute)
			shop.mu.Lock()
			defer shop.mu.Unlock()
			return attempts
		}
		if n := tried(); n != 1 {
			t.Fatalf("%d attempts", n)
		}
		cfg.Window = 7
		if err := p.center.Reconfigure(cfg); err != nil {
			t.Fatal(err)
		}
		if n := tried(); n != 1 {
			t.Errorf("%d attempts after a change that has nothing to do with it", n)
		}
		cfg.Accounts = []account.Account{cfg.Accounts[0], {ID: "shop", Addresses: []string{"8080", "9090"}}}
		if err := p.center.Reconfigure(cfg); err != nil {
			t.Fatal(err)
		}
		if n := tried(); n != 2 {
			t.Errorf("%d attempts after one that may have", n)
		}
	})
}

// What is wrong changes nothing at all.
func TestReconfigureWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{})
		e := p.bind(smpp.Config{}, nil)
		for _, tt := range []struct {
			name   string
			change func(*center.Config)
			want   string
		}{
			{"a text", func(c *center.Config) { c.DefaultTexts = map[uint8]string{1: ""} }, "canned message 1"},
			{"a list", func(c *center.Config) { c.Lists = map[string][]pdu.Address{"": {mobile}} }, "list"},
			{"the handset", func(c *center.Config) { c.Handset.Name = "none" }, "none"},
			{"an account", func(c *center.Config) { c.Accounts = append(c.Accounts, c.Accounts[0]) }, "it is there twice"},
		} {
			cfg := center.Config{ServiceTypes: []string{"WAP"}, Accounts: []account.Account{{ID: "other"}}}
			tt.change(&cfg)
			if err := p.center.Reconfigure(cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
			}
			m := text(mobile, "hi")
			m.ServiceType = "CMT"
			if e.submit(m); e.Err() != nil {
				t.Errorf("%s: %v", tt.name, e.Err())
			}
		}
		if err := p.center.Close(); err != nil {
			t.Error(err)
		}
		if err := p.center.Reconfigure(center.Config{}); err == nil {
			t.Error("a center that is closed can be changed")
		}
	})
}

// Changed again and again under load: nothing is refused that is allowed before
// and after, no session ends, and what the change is about holds.
func TestReconfigureUnderLoad(t *testing.T) {
	a := center.Config{
		Accounts: []account.Account{{ID: "demo", Password: "demo"}, {ID: "sink", Addresses: []string{"8080"}}},
		Handset:  handset.Profile{Delay: -1}, DefaultTexts: map[uint8]string{1: "one"}, Retry: []time.Duration{time.Millisecond},
	}
	b := a
	b.Accounts = []account.Account{{ID: "demo", Password: "demo", Sources: []string{"ACME"}}, {ID: "sink", Addresses: []string{"8080", "9090"}}, {ID: "third"}}
	b.Handset, b.DefaultTexts, b.Retry, b.Validity = handset.Profile{Name: "retry", Delay: time.Millisecond, Seed: 7}, map[uint8]string{1: "two"}, []time.Duration{2 * time.Millisecond}, time.Hour
	b.Limits, b.Window, b.Areas, b.Linger = smpp.Limits{Connections: 1000, ConnectionsPerAddress: 500}, 500, []string{"north"}, time.Second
	p := looped(t, a)
	sink := p.bind(smpp.Config{SystemID: "sink"}, nil)
	const senders, each = 4, 300
	var load sync.WaitGroup
	var esmes []*esme
	for range senders {
		e := p.bind(smpp.Config{}, nil)
		esmes = append(esmes, e)
		load.Go(func() {
			for i := range each {
				m := text(mobile, "hi")
				if i%3 == 0 {
					m.Dest = pdu.Address{Addr: "8080"}
				}
				if i%5 == 0 {
					m.DefaultMessageID, m.ShortMessage = 1, nil
				}
				if _, err := e.Submit(t.Context(), m); err != nil {
					t.Errorf("submit_sm: %v", err)
					return
				}
			}
		})
	}
	loaded := make(chan struct{})
	go func() { load.Wait(); close(loaded) }()
	n := 0
	for done := false; !done; n++ {
		cfg := a
		if n%2 == 0 {
			cfg = b
		}
		if err := p.center.Reconfigure(cfg); err != nil {
			t.Fatal(err)
		}
		p.bind(smpp.Config{Bind: smpp.Transmitter}, nil).Close()
		select {
		case <-loaded:
			done = true
		default:
		}
	}
	for _, e := range esmes {
		if e.Err() != nil {
			t.Errorf("a session has ended: %v", e.Err())
		}
	}
	all := func() (receipts int) {
		for _, e := range esmes {
			receipts += e.count()
		}
		return receipts
	}
	if !eventually(t, func() bool { return all() == senders*each && sink.count() == senders*each/3 }) {
		t.Errorf("%d receipts of %d, %d messages of %d at the sink, after %d changes", all(), senders*each, sink.count(), senders*each/3, n)
	}
	if sink.Err() != nil {
		t.Errorf("the receiver has ended: %v", sink.Err())
	}
	if n < 5 {
		t.Errorf("%d changes are too few to prove anything", n)
	}
}
