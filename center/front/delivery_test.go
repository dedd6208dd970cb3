package front_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/route"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

var errSilent = errors.New("no answer")

// permanent are the statuses of a deliver_sm_resp after which a message is not
// tried again, by the judgement of the reference data; all others are.
var permanent = []string{
	"ESME_RINVMSGLEN", "ESME_RINVCMDLEN", "ESME_RINVCMDID", "ESME_RALYBND", "ESME_RINVPRTFLG", "ESME_RINVREGDLVFLG", "ESME_RINVSRCADR", "ESME_RINVDSTADR",
	"ESME_RINVMSGID", "ESME_RINVPASWD", "ESME_RINVSYSID", "ESME_RCANCELFAIL", "ESME_RREPLACEFAIL", "ESME_RINVSERTYP", "ESME_RINVNUMDESTS", "ESME_RINVDLNAME",
	"ESME_RINVDESTFLAG", "ESME_RINVSUBREP", "ESME_RINVESMCLASS", "ESME_RCNTSUBDL", "ESME_RINVSRCTON", "ESME_RINVSRCNPI", "ESME_RINVDSTTON", "ESME_RINVDSTNPI",
	"ESME_RINVSYSTYP", "ESME_RINVREPFLAG", "ESME_RINVNUMMSGS", "ESME_RINVSCHED", "ESME_RINVEXPIRY", "ESME_RINVDFTMSGID", "ESME_RX_P_APPN", "ESME_RINVTLVSTREAM",
	"ESME_RTLVNOTALLWD", "ESME_RINVTLVLEN", "ESME_RMISSINGTLV", "ESME_RINVTLVVAL", "ESME_RDELIVERYFAILURE", "ESME_RSERTYPUNAUTH", "ESME_RPROHIBITED",
	"ESME_RSERTYPDENIED", "ESME_RINVDCS", "ESME_RINVSRCADDRSUBUNIT", "ESME_RINVDSTADDRSUBUNIT", "ESME_RINVBCASTFREQINT", "ESME_RINVBCASTALIAS_NAME",
	"ESME_RINVBCASTAREAFMT", "ESME_RINVNUMBCAST_AREAS", "ESME_RINVBCASTCNTTYPE", "ESME_RINVBCASTMSGCLASS", "ESME_RBCASTCANCELFAIL", "ESME_RINVBCAST_REP",
	"ESME_RINVBCASTSRVGRP", "ESME_RINVBCASTCHANIND",
}

// Every status that an ESME can answer ends a message or has it tried again.
func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, center.Config{Retry: []time.Duration{time.Minute}})
		defer b.close()
		e := b.bind(smpp.Config{Version: pdu.V50}, nil)
		statuses := append(pdu.Statuses(), 0x0400, 0x04FF, 0x12345)
		refused := map[string]bool{}
		b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: "80*"}}, func(p pdu.Body) (pdu.Body, error) {
			m := p.(*pdu.DeliverSM)
			if m.ESMClass.IsReceipt() || refused[m.Dest.Addr] {
				return nil, nil
			}
			refused[m.Dest.Addr] = true
			var i int
			if _, err := fmt.Sscanf(m.Dest.Addr, "80%d", &i); err != nil {
				t.Error(err)
			}
			return nil, statuses[i]
		})
		ids := make([]string, len(statuses))
		for i := range statuses {
			ids[i] = e.submit(text(pdu.ShortCode(fmt.Sprintf("80%d", i)), "x"))
		}
		time.Sleep(time.Second)
		for i, status := range statuses {
			want := pdu.StateEnroute
			switch {
			case status == pdu.StatusOK:
				want = pdu.StateDelivered
			case status == pdu.StatusRejectedByApp:
				want = pdu.StateRejected
			case slices.Contains(permanent, status.String()):
				want = pdu.StateUndeliverable
			}
			if got := e.state(ids[i]); got != want {
				t.Errorf("after %v: %v; want %v", status, got, want)
			}
		}
		time.Sleep(2 * time.Minute)
		for i, status := range statuses {
			if got := e.state(ids[i]); status.Temporary() && got != pdu.StateDelivered {
				t.Errorf("%v: tried again: %v", status, got)
			}
		}
	})
}

// The TLVs of a refusal say more than its status.
func TestFailureTLVs(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status pdu.Status
		tlvs   tlv.List
		want   pdu.MessageState
		code   string
	}{
		{"unavailable", pdu.StatusDeliveryFailure, tlv.List{pdu.TLVDeliveryFailureReason.Option(pdu.FailureDestUnavailable)}, pdu.StateEnroute, ""},
		{"for now", pdu.StatusDeliveryFailure, tlv.List{pdu.TLVDeliveryFailureReason.Option(pdu.FailureTemporaryNetwork)}, pdu.StateEnroute, ""},
		{"for good", pdu.StatusDeliveryFailure, tlv.List{pdu.TLVDeliveryFailureReason.Option(pdu.FailurePermanentNetwork)}, pdu.StateUndeliverable, "254"},
		{"the network says why", pdu.StatusRejectedByApp, tlv.List{pdu.TLVNetworkErrorCode.Option(pdu.NetworkError{Type: pdu.ErrorGSM, Code: 13})}, pdu.StateRejected, "013"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := open(t, center.Config{Accounts: []account.Account{{ID: "demo", Password: "demo"}, {ID: "shop", Password: "x", Delivery: account.Delivery{Data: true}}}})
				defer b.close()
				e := b.bind(smpp.Config{Version: pdu.V50}, nil)
				b.bind(smpp.Config{SystemID: "shop", Password: "x", Version: pdu.V50, AddressRange: pdu.Address{Addr: "8080"}}, func(pdu.Body) (pdu.Body, error) {
					return &pdu.DataSMResp{TLVs: tt.tlvs}, tt.status
				})
				m := text(pdu.ShortCode("8080"), "x")
				m.RegisteredDelivery = pdu.FinalReceipt
				id := e.submit(m)
				time.Sleep(100 * time.Millisecond)
				if got := e.state(id); got != tt.want {
					t.Errorf("state %v; want %v", got, tt.want)
				}
				r := e.receipts(0)
				if (len(r) == 1) != tt.want.Final() || len(r) == 1 && r[0].Err != tt.code {
					t.Errorf("receipts %+v", r)
				}
			})
		})
	}
}

// data_sm goes both ways.
func TestData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, center.Config{Accounts: []account.Account{{ID: "demo", Password: "demo"}, {ID: "shop", Password: "x", Delivery: account.Delivery{Data: true}}}})
		defer b.close()
		e := b.bind(smpp.Config{Version: pdu.V50}, nil)
		modern := b.bind(smpp.Config{SystemID: "shop", Password: "x", Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: "8080"}}, nil)
		old := b.bind(smpp.Config{SystemID: "shop", Password: "x", Version: pdu.V33, Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: "9090"}}, nil)
		payload := tlv.List{pdu.TLVMessagePayload.Option([]byte("by data"))}
		for _, dest := range []string{"8080", "9090"} {
			resp, err := e.Data(t.Context(), &pdu.DataSM{Source: acme, Dest: pdu.ShortCode(dest), TLVs: payload, RegisteredDelivery: pdu.FinalReceipt})
			if err != nil || len(resp.MessageID) != 16 {
				t.Fatalf("data_sm: %+v, %v", resp, err)
			}
			e.submit(text(pdu.ShortCode(dest), "by submit"))
		}
		if got, want := modern.texts(time.Second), []string{"data:by data", "data:by submit"}; !slices.Equal(got, want) {
			t.Errorf("received %q; want %q", got, want)
		}
		if got, want := old.texts(0), []string{"by data", "by submit"}; !slices.Equal(got, want) {
			t.Errorf("a v3.3 session received %q; want %q", got, want)
		}
		if r := e.receipts(0); len(r) != 2 || r[0].State != pdu.StateDelivered {
			t.Errorf("receipts %+v", r)
		}
	})
}

// What a v3.3 receiver cannot be sent ends, and the log says why.
func TestTooMuchForAReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var log bytes.Buffer
		b := open(t, center.Config{Logger: slog.New(slog.NewTextHandler(locked{&mu, &log}, nil)),
			Accounts: []account.Account{{ID: "demo", Password: "demo"}, {ID: "shop", Password: "x"}}})
		defer b.close()
		e := b.bind(smpp.Config{Bind: smpp.Transmitter}, nil)
		old := b.bind(smpp.Config{SystemID: "shop", Password: "x", Version: pdu.V33, Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: "9090"}}, nil)
		id := e.submit(text(pdu.ShortCode("9090"), strings.Repeat("secret", 30)))
		if got := old.texts(time.Second); len(got) > 0 {
			t.Errorf("received %q", got)
		}
		if got := e.state(id); got != pdu.StateUndeliverable {
			t.Errorf("state %v", got)
		}
		mu.Lock()
		defer mu.Unlock()
		told := 0
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "level=WARN") && strings.Contains(line, id) && strings.Contains(line, "at most 160 octets in v3.3") {
				told++
			}
		}
		if told != 1 || strings.Contains(log.String(), "secret") {
			t.Errorf("told %d times:\n%s", told, log.String())
		}
	})
}

// With several sessions of an account each gets what its account says, and what
// one cannot take goes to another.
func TestSpreadOfSessions(t *testing.T) {
	for _, spread := range []route.Spread{route.SameBind, route.AnyBind, route.RoundRobin} {
		t.Run(spread.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := open(t, center.Config{DeliverWindow: 100, Accounts: []account.Account{{ID: "demo", Password: "demo", Delivery: account.Delivery{Spread: spread}}}})
				defer b.close()
				var es []*esme
				for range 3 {
					es = append(es, b.bind(smpp.Config{AddressRange: pdu.Address{Addr: "80*"}}, nil))
				}
				for i := range 12 {
					m := text(pdu.ShortCode("8080"), fmt.Sprint(i))
					m.RegisteredDelivery = pdu.FinalReceipt
					es[0].submit(m)
				}
				time.Sleep(time.Second)
				messages, receipts := make([]int, 3), make([]int, 3)
				for i, e := range es {
					for _, p := range e.take(0) {
						if p.(*pdu.DeliverSM).ESMClass.IsReceipt() {
							receipts[i]++
						} else {
							messages[i]++
						}
					}
				}
				switch spread {
				case route.SameBind:
					if slices.Max(messages) != 12 || receipts[0] != 12 {
						t.Errorf("messages %v, receipts %v; want all on one session, and the receipts on the first", messages, receipts)
					}
				case route.RoundRobin:
					if !slices.Equal(messages, []int{4, 4, 4}) || !slices.Equal(receipts, []int{4, 4, 4}) {
						t.Errorf("messages %v, receipts %v", messages, receipts)
					}
				}
				// Whatever the way, nothing waits for a session that is gone.
				_ = es[0].Close()
				_ = es[1].Close()
				synctest.Wait()
				es[2].submit(text(pdu.ShortCode("8080"), "last"))
				if got := es[2].texts(time.Second); !slices.Equal(got, []string{"last"}) {
					t.Errorf("the last session got %q", got)
				}
			})
		})
	}
}

// What waits does so on disk, in order, and leaves again through a restart.
func TestWaitsInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, s store.Store) {
		cfg := center.Config{Store: s, Accounts: []account.Account{{ID: "demo", Password: "demo", Addresses: []string{"8080"}}}, Retry: []time.Duration{time.Minute, time.Hour}}
		b := open(t, cfg)
		e := b.bind(smpp.Config{Bind: smpp.Transmitter}, nil)
		var want []string
		var ids []string
		for i := range 20 {
			m := text(pdu.ShortCode("8080"), fmt.Sprint(i))
			if i == 3 {
				m.ValidityPeriod = relative(t, 30*time.Second)
			} else {
				want = append(want, fmt.Sprint(i))
			}
			ids = append(ids, e.submit(m))
		}
		urgent := text(pdu.ShortCode("8080"), "urgent")
		urgent.PriorityFlag = 1
		e.submit(urgent)
		later := text(pdu.ShortCode("8080"), "later")
		later.ScheduleDeliveryTime = relative(t, 2*time.Minute)
		e.submit(later)
		// One attempt that fails for now is remembered, with the pause.
		r := b.bind(smpp.Config{Bind: smpp.Receiver}, func(pdu.Body) (pdu.Body, error) { return nil, pdu.StatusTemporaryAppError })
		time.Sleep(time.Second)
		_ = r.Close()
		_ = e.Close()
		b.close()
		time.Sleep(time.Minute) // the validity of one ends while nobody is there to see it

		b = open(t, cfg)
		defer b.close()
		e = b.bind(smpp.Config{Bind: smpp.Transmitter}, nil)
		time.Sleep(time.Second)
		if got := e.state(ids[3]); got != pdu.StateExpired {
			t.Errorf("the one whose validity ended is %v", got)
		}
		r = b.bind(smpp.Config{Bind: smpp.Receiver}, nil)
		want = append([]string{"urgent"}, want...)
		if got := r.texts(time.Second); !slices.Equal(got, want) {
			t.Errorf("received %q; want %q", got, want)
		}
		if got := r.texts(2 * time.Minute); !slices.Equal(got, []string{"later"}) {
			t.Errorf("received %q at its time", got)
		}
	})
}

// A message that an account wants at most once is not sent again when the answer
// does not come, and is known to be unknown; receipts are not held up by that.
func TestAtMostOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s store.Store) {
		cfg := center.Config{Store: s, ResponseTimeout: 10 * time.Second, Accounts: []account.Account{
			{ID: "demo", Password: "demo"}, {ID: "shop", Password: "x", Addresses: []string{"8080"}, Delivery: account.Delivery{AtMostOnce: true}},
		}}
		b := open(t, cfg)
		e := b.bind(smpp.Config{Version: pdu.V50}, nil)
		sent := 0
		silent := func(pdu.Body) (pdu.Body, error) { sent++; return nil, errSilent }
		shop := smpp.Config{SystemID: "shop", Password: "x", Bind: smpp.Receiver}
		r := b.bind(shop, silent)
		m := text(pdu.ShortCode("8080"), "once")
		m.RegisteredDelivery, m.ValidityPeriod = pdu.FinalReceipt, relative(t, time.Hour)
		first := e.submit(m)
		time.Sleep(time.Minute)
		if got := e.state(first); got != pdu.StateUnknown || sent != 1 {
			t.Errorf("without an answer: %v, sent %d times", got, sent)
		}
		second := e.submit(m)
		synctest.Wait()
		if sent != 2 {
			t.Fatalf("sent %d times", sent)
		}
		b.close() // as if it had crashed: there is no answer yet
		_ = r.Close()

		b = open(t, cfg)
		defer b.close()
		e = b.bind(smpp.Config{Version: pdu.V50}, nil)
		r = b.bind(shop, nil)
		if got := r.texts(time.Minute); len(got) != 0 {
			t.Errorf("sent again: %q", got)
		}
		if a, b := e.state(first), e.state(second); a != pdu.StateUnknown || b != pdu.StateUnknown {
			t.Errorf("after the restart: %v and %v", a, b)
		}
		e.submit(text(pdu.ShortCode("8080"), "next"))
		if got := r.texts(time.Second); !slices.Equal(got, []string{"next"}) {
			t.Errorf("received %q", got)
		}
		found := e.receipts(2 * time.Hour)
		if len(found) != 2 || found[0].State != pdu.StateExpired || found[1].State != pdu.StateExpired {
			t.Errorf("receipts %+v", found)
		}
	})
}
