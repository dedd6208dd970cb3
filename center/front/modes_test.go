package front_test

import (
	"context"
	"errors"
	"fmt"
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
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/center/store/memory"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
	"github.com/godwit-sms/smpp/tlv"
)

// Datagrams are tried once, are not stored, and are not reported.
func TestDatagram(t *testing.T) {
	bubble(t, func(t *testing.T, s store.Store) {
		b := open(t, center.Config{Store: s, Accounts: []account.Account{{ID: "demo", Password: "demo", Addresses: []string{"9090"}}}})
		defer b.close()
		e := b.bind(smpp.Config{Version: pdu.V50}, nil)
		refusals := 1
		r := b.bind(smpp.Config{Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: "8080"}}, func(pdu.Body) (pdu.Body, error) {
			if refusals--; refusals >= 0 {
				return nil, pdu.StatusTemporaryAppError
			}
			return nil, nil
		})
		for i, dest := range []string{"8080", "8080", "9090"} { // refused, then taken, and nobody there
			m := text(pdu.ShortCode(dest), fmt.Sprint(i))
			m.ESMClass, m.RegisteredDelivery = pdu.ModeDatagram, pdu.FinalReceipt
			id := e.submit(m)
			if len(id) != 16 {
				t.Errorf("message_id %q", id)
			}
			_, err := e.Query(t.Context(), &pdu.QuerySM{MessageID: id, Source: acme})
			wantStatus(t, "query_sm of a datagram", err, pdu.StatusInvalidMessageID)
			synctest.Wait()
		}
		if got := r.texts(2 * time.Hour); !slices.Equal(got, []string{"0", "1"}) {
			t.Errorf("received %q; want each once", got)
		}
		if got := e.receipts(0); len(got) != 0 {
			t.Errorf("receipts %+v", got)
		}
		multi := &pdu.SubmitMulti{Source: acme, Dests: pdu.To(pdu.ShortCode("8080"), pdu.ShortCode("9090")), ESMClass: pdu.ModeDatagram, ShortMessage: []byte("all")}
		if resp, err := e.SubmitMulti(t.Context(), multi); err != nil || len(resp.Failed) != 0 || resp.MessageID == "" {
			t.Errorf("submit_multi: %+v, %v", resp, err)
		}
		if got := r.texts(time.Second); !slices.Equal(got, []string{"all"}) {
			t.Errorf("received %q", got)
		}
		live := 0
		if err := s.Load(t.Context(), 0, func(*message.Message) error { live++; return nil }); err != nil || live != 0 {
			t.Errorf("%d messages are stored, %v", live, err)
		}
		if st := b.center.Stats(); st.Live != 0 || st.Places != 0 {
			t.Errorf("left behind: %+v", st.Stats)
		}
	})
}

// In transaction mode the response waits for the delivery, and tells why there is
// none.
func TestTransaction(t *testing.T) {
	for _, tt := range []struct {
		name    string
		profile string
		dest    pdu.Address
		want    pdu.Status
		reason  pdu.FailureReason
		network pdu.NetworkError
		after   time.Duration
	}{
		{"delivered", "deliver", mobile, pdu.StatusOK, 0, pdu.NetworkError{}, 100 * time.Millisecond},
		{"taken over", "accept", mobile, pdu.StatusOK, 0, pdu.NetworkError{}, 100 * time.Millisecond},
		{"out of reach", "expire", mobile, pdu.StatusDeliveryFailure, pdu.FailureDestUnavailable, pdu.NetworkError{Type: pdu.ErrorGSM, Code: handset.AbsentSubscriber}, 100 * time.Millisecond},
		{"unknown", "fail", mobile, pdu.StatusDeliveryFailure, pdu.FailureDestInvalid, pdu.NetworkError{Type: pdu.ErrorGSM, Code: handset.UnknownSubscriber}, 100 * time.Millisecond},
		{"rejected", "reject", mobile, pdu.StatusDeliveryFailure, pdu.FailurePermanentNetwork, pdu.NetworkError{Type: pdu.ErrorGSM, Code: handset.CallBarred}, 100 * time.Millisecond},
		{"too slow", "slow:delay=1m", mobile, pdu.StatusDeliveryFailure, pdu.FailureDestUnavailable, pdu.NetworkError{}, 10 * time.Second},
		{"nobody bound", "deliver", pdu.ShortCode("9090"), pdu.StatusDeliveryFailure, pdu.FailureDestUnavailable, pdu.NetworkError{}, 0},
		{"an ESME takes it", "fail", pdu.ShortCode("8080"), pdu.StatusOK, 0, pdu.NetworkError{}, 0},
		{"an ESME wants it later", "fail", pdu.ShortCode("8081"), pdu.StatusDeliveryFailure, pdu.FailureTemporaryNetwork, pdu.NetworkError{Type: pdu.ErrorSMPP, Code: uint16(pdu.StatusTemporaryAppError)}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s store.Store) {
				profile, err := handset.ParseProfile(tt.profile)
				if err != nil {
					t.Fatal(err)
				}
				b := open(t, center.Config{Store: s, Handset: profile, Transaction: 10 * time.Second, Accounts: []account.Account{{ID: "demo", Password: "demo", Addresses: []string{"9090"}}}})
				defer b.close()
				e := b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
				b.bind(smpp.Config{Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: "^808[01]$"}}, func(p pdu.Body) (pdu.Body, error) {
					if p.(*pdu.DeliverSM).Dest.Addr == "8081" {
						return nil, pdu.StatusTemporaryAppError
					}
					return nil, nil
				})
				check := func(what, id string, tlvs tlv.List, err error, took time.Duration) {
					t.Helper()
					wantStatus(t, what, err, tt.want)
					if took < tt.after || took > tt.after+200*time.Millisecond {
						t.Errorf("%s: answered after %v; want %v", what, took, tt.after)
					}
					reason, failed := pdu.TLVDeliveryFailureReason.Get(tlvs)
					network, _ := pdu.TLVNetworkErrorCode.Get(tlvs)
					if failed != (tt.want != pdu.StatusOK) || reason != tt.reason || network != tt.network || (id == "") != failed {
						t.Errorf("%s: message_id %q, TLVs %v: reason %v, network error %+v", what, id, tlvs, reason, network)
					}
				}
				m := text(tt.dest, "now")
				m.ESMClass, m.RegisteredDelivery = pdu.ModeForward, pdu.FinalReceipt
				begin := time.Now()
				resp, err := e.Submit(t.Context(), m)
				if resp == nil {
					resp = new(pdu.SubmitSMResp)
				}
				check("submit_sm", resp.MessageID, resp.TLVs, err, time.Since(begin))
				begin = time.Now()
				data, err := e.Data(t.Context(), &pdu.DataSM{Source: acme, Dest: tt.dest, ESMClass: pdu.ModeForward, TLVs: tlv.List{pdu.TLVMessagePayload.Option([]byte("now"))}})
				if data == nil {
					data = new(pdu.DataSMResp)
				}
				check("data_sm", data.MessageID, data.TLVs, err, time.Since(begin))
				_, err = e.SubmitMulti(t.Context(), &pdu.SubmitMulti{Source: acme, Dests: pdu.To(tt.dest), ESMClass: pdu.ModeForward})
				wantStatus(t, "submit_multi", err, pdu.StatusInvalidESMClass)
				time.Sleep(2 * time.Minute)
				if st := b.center.Stats(); st.Live != 0 || st.Places != 0 {
					t.Errorf("left behind: %+v", st.Stats)
				}
			})
		})
	}
}

// Other requests of the session are answered while one waits, and a session that
// ends leaves nothing behind.
func TestTransactionDoesNotBlock(t *testing.T) {
	bubble(t, func(t *testing.T, s store.Store) {
		b := open(t, center.Config{Store: s, Handset: handset.Profile{Delay: 5 * time.Second}})
		defer b.close()
		e := b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
		m := text(mobile, "now")
		m.ESMClass = pdu.ModeForward
		done := make(chan error, 1)
		if err := smpp.Go(t.Context(), e.Session, m, func(_ *pdu.SubmitSMResp, err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		e.submit(text(mobile, "other"))
		if took := time.Since(begin); took > time.Second {
			t.Errorf("another message was answered after %v", took)
		}
		if err := <-done; err != nil || time.Since(begin) < 4*time.Second {
			t.Errorf("answered after %v: %v", time.Since(begin), err)
		}
		if err := smpp.Go(t.Context(), e.Session, m, func(*pdu.SubmitSMResp, error) {}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_ = e.Close()
		time.Sleep(time.Minute)
		if st := b.center.Stats(); st.Live != 0 || st.Sessions != 0 {
			t.Errorf("left behind: %+v", st)
		}
	})
}

// Canned messages are sent in the place of what the request has.
func TestCannedTexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		texts := map[uint8]string{1: "We are open from 9 to 5", 2: "Привет", 255: "last"}
		b := open(t, center.Config{DefaultTexts: texts, Accounts: []account.Account{{ID: "demo", Password: "demo", Addresses: []string{"8080"}}}})
		defer b.close()
		e := b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
		canned := func(id uint8, payload bool) *pdu.SubmitSM {
			m := text(pdu.ShortCode("8080"), "not this")
			m.DefaultMessageID = id
			if payload {
				m.ShortMessage = nil
				pdu.TLVMessagePayload.Set(&m.TLVs, []byte("nor this"))
			}
			return m
		}
		e.submit(canned(1, false))
		e.submit(canned(2, true))
		id := e.submit(text(pdu.ShortCode("8080"), "replaced"))
		if _, err := e.Replace(t.Context(), &pdu.ReplaceSM{MessageID: id, Source: acme, DefaultMessageID: 255}); err != nil {
			t.Error(err)
		}
		_, err := e.Replace(t.Context(), &pdu.ReplaceSM{MessageID: id, Source: acme, DefaultMessageID: 9})
		wantStatus(t, "replace_sm with an unknown text", err, pdu.StatusInvalidDefaultMessageID)
		_, err = e.SubmitMulti(t.Context(), &pdu.SubmitMulti{Source: acme, Dests: pdu.To(pdu.ShortCode("8080")), DefaultMessageID: 1})
		wantStatus(t, "submit_multi", err, pdu.StatusOK)
		r := b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Receiver}, nil)
		want := []string{texts[1], texts[2], texts[255], texts[1]}
		if got := r.texts(time.Second); !slices.Equal(got, want) {
			t.Errorf("received %q; want %q", got, want)
		}
	})
	for name, texts := range map[string]map[uint8]string{"0": {0: "x"}, "empty": {1: ""}, "too long": {1: fmt.Sprintf("%0200d", 1)}} {
		if c, err := center.New(center.Config{DefaultTexts: texts, Logger: quiet}); err == nil {
			t.Errorf("%s: it is taken", name)
			_ = c.Close()
		}
	}
}

// Lists stand for their members, each of which gets the message once; what cannot
// be submitted to is told one by one, in order.
func TestLists(t *testing.T) {
	for _, version := range []pdu.Version{pdu.V33, pdu.V34, pdu.V50} {
		t.Run(version.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				number := func(i int) pdu.Address { return pdu.International(fmt.Sprint(49170000 + i)) }
				b := open(t, center.Config{
					Lists: map[string][]pdu.Address{"all": {number(1), number(2), number(3)}, "friends": {number(9)}, "bad": {number(4), {TON: 9, Addr: "49"}, {NPI: 2, Addr: "49"}}},
					Accounts: []account.Account{
						{ID: "demo", Password: "demo", Delivery: account.Delivery{Lists: map[string][]pdu.Address{"friends": {number(2), number(5)}}}},
						{ID: "shop", Password: "x"},
					},
				})
				defer b.close()
				e := b.bind(smpp.Config{Version: version, Bind: smpp.Transmitter}, nil)
				r := b.bind(smpp.Config{Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: "4917*"}}, nil)
				m := &pdu.SubmitMulti{Source: acme, ShortMessage: []byte("hello"), Dests: []pdu.Destination{
					{List: "nobody"}, {Address: number(1)}, {List: "all"}, {Address: pdu.International("")}, {List: "friends"}, {List: "bad"}, {Address: number(3)},
				}}
				resp, err := e.SubmitMulti(t.Context(), m)
				if err != nil {
					t.Fatal(err)
				}
				want := []pdu.Unsuccessful{
					{Address: pdu.Address{Addr: "nobody"}, Status: pdu.StatusInvalidDistributionList.For(version)}, {Address: pdu.International(""), Status: pdu.StatusInvalidDest},
					{Address: pdu.Address{TON: 9, Addr: "49"}, Status: pdu.StatusInvalidDestTON}, {Address: pdu.Address{NPI: 2, Addr: "49"}, Status: pdu.StatusInvalidDestNPI},
				}
				for i := range want {
					want[i].Status = want[i].Status.For(version)
				}
				if !slices.Equal(resp.Failed, want) {
					t.Errorf("unsuccess_sme %+v; want %+v", resp.Failed, want)
				}
				var got []string
				for _, p := range r.take(time.Second) {
					got = append(got, p.(*pdu.DeliverSM).Dest.Addr)
				}
				slices.Sort(got)
				if want := []string{"49170001", "49170002", "49170003", "49170004", "49170005"}; !slices.Equal(got, want) {
					t.Errorf("delivered to %v; want %v", got, want)
				}
				_, err = e.SubmitMulti(t.Context(), &pdu.SubmitMulti{Source: acme, Dests: []pdu.Destination{{List: "nobody"}}})
				wantStatus(t, "nothing but a list that is none", err, pdu.StatusSubmitFailed.For(version))
				// Another account has the center's list of that name.
				other := b.bind(smpp.Config{SystemID: "shop", Password: "x", Version: version, Bind: smpp.Transmitter}, nil)
				if _, err := other.SubmitMulti(t.Context(), &pdu.SubmitMulti{Source: acme, Dests: []pdu.Destination{{List: "friends"}}}); err != nil {
					t.Error(err)
				}
				if got := r.take(time.Second); len(got) != 1 || got[0].(*pdu.DeliverSM).Dest != number(9) {
					t.Errorf("%d deliveries to the other list", len(got))
				}
			})
		})
	}
}

// A distribution list counts as its members towards a rate, as they are now.
func TestRateOfLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		number := func(i int) pdu.Address { return pdu.International(fmt.Sprint(49170000 + i)) }
		b := open(t, center.Config{
			Lists: map[string][]pdu.Address{"all": {number(1), number(2), number(3)}, "own": {number(9)}},
			Accounts: []account.Account{{ID: "demo", Password: "demo", Rate: smpp.Rate{PerSecond: 1, Burst: 5},
				Delivery: account.Delivery{Lists: map[string][]pdu.Address{"own": {number(4), number(5)}}}}},
		})
		defer b.close()
		e := b.bind(smpp.Config{Bind: smpp.Transmitter}, nil)
		send := func(lists ...string) error {
			m := &pdu.SubmitMulti{Source: acme, ShortMessage: []byte("hello")}
			for _, l := range lists {
				m.Dests = append(m.Dests, pdu.Destination{List: l})
			}
			_, err := e.SubmitMulti(t.Context(), m)
			return err
		}
		if err := send("all", "own"); err != nil {
			t.Error(err)
		}
		time.Sleep(2500 * time.Millisecond)
		wantStatus(t, "three addresses while there is room for two", send("all"), pdu.StatusThrottled)
		if err := send("own"); err != nil {
			t.Error(err)
		}
	})
}

// Acknowledgements of the other side, and what it is asked for, pass through.
func TestPassesThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, center.Config{})
		defer b.close()
		e := b.bind(smpp.Config{Version: pdu.V50, AddressRange: pdu.Address{Addr: "1000"}}, nil)
		r := b.bind(smpp.Config{Version: pdu.V50, AddressRange: pdu.Address{Addr: "8080"}}, nil)
		for _, class := range []pdu.ESMClass{pdu.TypeNormal, pdu.TypeDeliveryAcknowledgement, pdu.TypeUserAcknowledgement, pdu.ReplyPath, pdu.ModeStoreAndForward | pdu.ReplyPath} {
			for _, asked := range []pdu.RegisteredDelivery{0, pdu.DeliveryAck, pdu.UserAck, pdu.DeliveryAck | pdu.UserAck | pdu.FinalReceipt} {
				m := text(pdu.ShortCode("8080"), "x")
				m.ESMClass, m.RegisteredDelivery = class, asked
				e.submit(m)
				got := r.take(time.Millisecond)
				if len(got) != 1 {
					t.Fatalf("%d PDUs", len(got))
				}
				if d := got[0].(*pdu.DeliverSM); d.ESMClass != class&^pdu.ModeMask || d.RegisteredDelivery != asked&(pdu.DeliveryAck|pdu.UserAck) {
					t.Errorf("esm_class %#x with registered_delivery %#x comes as %#x with %#x", class, asked, d.ESMClass, d.RegisteredDelivery)
				}
			}
		}
	})
}

// Whoever has set the delivery pending flag is alerted once when the destination
// is there again, whichever kind of destination it is.
func TestAlertNotification(t *testing.T) {
	shop := func(b *bench) *esme {
		return b.bind(smpp.Config{SystemID: "shop", Password: "x", Bind: smpp.Receiver}, nil)
	}
	for _, tt := range []struct {
		name string
		dest pdu.Address
		mode pdu.ESMClass
		life pdu.Time
		dpf  bool // dpf_result is in the response
		back func(*bench) *esme
	}{
		{"a handset", mobile, 0, "", false, nil},
		{"an ESME that binds again", pdu.ShortCode("8080"), pdu.ModeForward, "", true, shop},
		{"an ESME that binds too late", pdu.ShortCode("8080"), 0, "000000000001000R", false, shop},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s store.Store) {
				b := open(t, center.Config{Store: s, Handset: handset.Profile{Name: "retry"}, Retry: []time.Duration{time.Minute}, Accounts: []account.Account{
					{ID: "demo", Password: "demo"}, {ID: "shop", Password: "x", Addresses: []string{"8080"}},
				}})
				defer b.close()
				e := b.bind(smpp.Config{Version: pdu.V50}, nil)
				for range 2 { // the flag is set once
					m := text(tt.dest, "x")
					m.ESMClass, m.ValidityPeriod = tt.mode, tt.life
					pdu.TLVSetDPF.Set(&m.TLVs, 1)
					resp, err := e.Submit(t.Context(), m)
					if tt.mode == pdu.ModeForward {
						wantStatus(t, "submit_sm", err, pdu.StatusDeliveryFailure)
					} else if err != nil {
						t.Fatal(err)
					}
					if result, ok := pdu.TLVDPFResult.Get(resp.TLVs); ok != tt.dpf || ok && result != 1 {
						t.Errorf("dpf_result %v, %v", result, ok)
					}
				}
				time.Sleep(2 * time.Second)
				if n := len(e.take(0)); n != 0 || b.center.Stats().Alerts != 1 {
					t.Errorf("%d PDUs before, %d flags", n, b.center.Stats().Alerts)
				}
				if tt.back != nil {
					tt.back(b)
				}
				got := e.take(3 * time.Minute)
				if len(got) != 1 {
					t.Fatalf("%d PDUs %v; want an alert", len(got), got)
				}
				a, ok := got[0].(*pdu.AlertNotification)
				if status, has := pdu.TLVMSAvailabilityStatus.Get(a.TLVs); !ok || a.Source != tt.dest || a.ESME != acme || !has || status != pdu.Available {
					t.Errorf("%+v", got[0])
				}
				if st := b.center.Stats(); st.Live != 0 || st.Alerts != 0 {
					t.Errorf("left behind: %+v", st.Stats)
				}
			})
		})
	}
}

// An ESME with an outbind is asked to bind when something waits for it, again and
// again with growing pauses until it does.
func TestOutbind(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close() // nobody is there at first
	b := open(t, center.Config{Accounts: []account.Account{
		{ID: "demo", Password: "demo"},
		{ID: "shop", Password: "x", Addresses: []string{"8080"}, Delivery: account.Delivery{Outbind: account.Outbind{
			Address: "smpp://" + addr, SystemID: "center", Password: "knock", Backoff: 10 * time.Millisecond, MaxBackoff: 50 * time.Millisecond,
		}}},
	}})
	defer b.close()
	here, there := net.Pipe()
	b.center.ServeConn(there)
	s, err := smpp.Bind(t.Context(), here, &smpp.Config{SystemID: "demo", Password: "demo", Bind: smpp.Transmitter, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if _, err := s.Submit(t.Context(), text(pdu.ShortCode("8080"), fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Skipf("somebody else has taken %s: %v", addr, err)
	}
	var mu sync.Mutex
	var got []string
	more := make(chan struct{}, 10)
	listener := smpp.ListenOutbind(l, &smpp.Config{SystemID: "shop", Password: "x", Bind: smpp.Receiver, Logger: quiet, Handler: smpp.Inline(smpp.HandlerFor(func(_ context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, sms.Text(m))
		more <- struct{}{}
		return nil, nil
	}))}, func(_ context.Context, o *pdu.Outbind) error {
		if o.SystemID != "center" || o.Password != "knock" {
			return errors.New("a stranger")
		}
		return nil
	})
	defer func() { _ = listener.Close() }()
	session, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		<-more
	}
	// It goes away, and is asked again for the next message.
	_ = session.Close()
	<-session.Done()
	if _, err := s.Submit(t.Context(), text(pdu.ShortCode("8080"), "3")); err != nil {
		t.Fatal(err)
	}
	if session, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = session.Close() }()
	<-more
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"0", "1", "2", "3"}; !slices.Equal(got, want) {
		t.Errorf("received %q; want %q", got, want)
	}
}

// What waited before a restart calls its ESME too: a receipt here.
func TestOutbindAfterRestart(t *testing.T) {
	kept := new(memory.Store)
	defer func() { _ = kept.Close() }()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan *sms.Receipt, 1)
	listener := smpp.ListenOutbind(l, &smpp.Config{SystemID: "demo", Password: "demo", Logger: quiet, Handler: smpp.HandlerFor(func(_ context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
		if r, ok := (sms.Profile{}).ReadReceipt(m); ok {
			got <- r
		}
		return nil, nil
	})}, func(_ context.Context, o *pdu.Outbind) error {
		if o.SystemID != "smpp" { // the center's own name
			return errors.New("a stranger")
		}
		return nil
	})
	defer func() { _ = listener.Close() }()
	asked := account.Account{ID: "demo", Password: "demo"}
	b := open(t, center.Config{Store: kept, Handset: handset.Profile{Delay: -1}, Accounts: []account.Account{asked}})
	here, there := net.Pipe()
	b.center.ServeConn(there)
	s, err := smpp.Bind(t.Context(), here, &smpp.Config{SystemID: "demo", Password: "demo", Bind: smpp.Transmitter, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	m := text(mobile, "x")
	m.RegisteredDelivery = pdu.FinalReceipt
	resp, err := s.Submit(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := b.center.Shutdown(ctx); err != nil { // delivered: its receipt waits
		t.Fatal(err)
	}
	asked.Delivery.Outbind.Address = "smpp://" + l.Addr().String()
	b = open(t, center.Config{Store: kept, Accounts: []account.Account{asked}})
	defer b.close()
	if _, err := listener.Accept(); err != nil {
		t.Fatal(err)
	}
	if r := <-got; r.ID != resp.MessageID || r.State != pdu.StateDelivered {
		t.Errorf("receipt %+v of %s", r, resp.MessageID)
	}
}

// The receipt of a message that was not delivered tells whether the delivery
// pending flag is set, to those who know that from receipts. SMPP v5.0, section
// 4.8.4.32.
func TestFlagInReceipt(t *testing.T) {
	for _, tt := range []struct {
		name    string
		version pdu.Version
		asked   bool
		dest    pdu.Address
		want    bool
	}{
		{"expired", pdu.V50, true, pdu.ShortCode("8080"), true},
		{"expired, v3.4", pdu.V34, true, pdu.ShortCode("8080"), false},
		{"not asked for", pdu.V50, false, pdu.ShortCode("8080"), false},
		{"delivered", pdu.V50, true, mobile, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s store.Store) {
				b := open(t, center.Config{Store: s, Accounts: []account.Account{{ID: "demo", Password: "demo"}, {ID: "shop", Password: "x", Addresses: []string{"8080"}}}})
				defer b.close()
				e := b.bind(smpp.Config{Version: tt.version}, nil)
				for range 2 { // the second finds it set
					m := text(tt.dest, "x")
					m.ValidityPeriod, m.RegisteredDelivery = "000000000001000R", pdu.FinalReceipt
					if tt.asked {
						pdu.TLVSetDPF.Set(&m.TLVs, 1)
					}
					e.submit(m)
				}
				got := e.take(time.Minute)
				if len(got) != 2 {
					t.Fatalf("%d receipts; want 2", len(got))
				}
				for _, p := range got {
					if result, ok := pdu.TLVDPFResult.Get(p.(*pdu.DeliverSM).TLVs); ok != tt.want || ok && result != 1 {
						t.Errorf("dpf_result %v, %v", result, ok)
					}
				}
				want := 0
				if tt.asked && tt.dest.Addr == "8080" {
					want = 1
				}
				if got := b.center.Stats().Alerts; got != want {
					t.Errorf("%d flags are set; want %d", got, want)
				}
			})
		})
	}
}
