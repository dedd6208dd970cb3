package front_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// Whatever is asked of a center, whoever comes and goes, and however often it is
// started again: every message that was acknowledged comes to one end, which its
// receipt tells, and nothing is left behind.
func TestEverythingAtOnce(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, s store.Store) { everything(t, s, seed) })
		})
	}
}

func everything(t *testing.T, kept store.Store, seed uint64) {
	rnd, theirs := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
	cfg := center.Config{
		Store: kept, Handset: handset.Profile{Name: "random", Seed: seed + 1}, Linger: time.Second, ResponseTimeout: 20 * time.Second, ReceiptValidity: 1000 * time.Hour,
		Retry: []time.Duration{time.Second, 10 * time.Second, time.Minute}, DefaultTexts: map[uint8]string{1: "canned"},
		Lists: map[string][]pdu.Address{"friends": {pdu.International("49171"), pdu.ShortCode("8080"), pdu.International("49172")}},
		Accounts: []account.Account{
			{ID: "demo", Password: "demo"},
			{ID: "shop", Password: "x", Addresses: []string{"8080", "8081"}, Delivery: account.Delivery{Areas: []string{"*"}}},
			{ID: "once", Password: "x", Addresses: []string{"9090"}, Delivery: account.Delivery{AtMostOnce: true}},
		},
	}
	var mu sync.Mutex // sessions call at the same time
	answer := func(pdu.Body) (pdu.Body, error) {
		mu.Lock()
		defer mu.Unlock()
		switch n := theirs.IntN(20); {
		case n < 3:
			return nil, pdu.StatusTemporaryAppError
		case n == 3:
			return nil, pdu.StatusRejectedByApp
		case n == 4:
			return nil, errSilent
		}
		return nil, nil
	}
	type fate struct {
		asked    pdu.RegisteredDelivery
		dests    int
		receipts map[pdu.MessageState]int
	}
	fates := map[string]*fate{}
	restarts := 0
	var b *bench
	var e *esme
	note := func(t *testing.T) {
		for _, p := range e.take(0) {
			m, ok := p.(*pdu.DeliverSM)
			if !ok {
				continue
			}
			if r, ok := (sms.Profile{}).ReadReceipt(m); ok && !r.Intermediate {
				f := fates[r.ID]
				if f == nil {
					t.Fatalf("a receipt of %s, which nobody submitted", r.ID)
				}
				f.receipts[r.State]++
			}
		}
	}
	guests := map[string]*esme{}
	start := func() {
		b = open(t, cfg)
		e = b.bind(smpp.Config{Version: pdu.V50}, nil)
		clear(guests)
	}
	start()
	defer func() { b.close() }()
	dests := []pdu.Address{mobile, pdu.International("49171"), pdu.ShortCode("8080"), pdu.ShortCode("8081"), pdu.ShortCode("9090")}
	asked := []pdu.RegisteredDelivery{0, pdu.FinalReceipt, pdu.FailureReceipt, pdu.SuccessReceipt, pdu.FinalReceipt | pdu.IntermediateNotification}
	var ids []string
	broadcasts := map[string]bool{}
	for range 400 {
		switch op := rnd.IntN(16); op {
		case 0, 1, 2, 3, 4, 5:
			m := text(dests[rnd.IntN(len(dests))], fmt.Sprint(rnd.IntN(1000)))
			m.RegisteredDelivery = asked[rnd.IntN(len(asked))]
			m.PriorityFlag, m.DefaultMessageID = uint8(rnd.IntN(5)), uint8(rnd.IntN(2))
			m.ReplaceIfPresent = uint8(max(rnd.IntN(6)-4, 0))
			if rnd.IntN(3) == 0 {
				m.ScheduleDeliveryTime = relative(t, time.Duration(1+rnd.IntN(300))*time.Second)
			}
			if rnd.IntN(3) == 0 {
				pdu.TLVQOSTimeToLive.Set(&m.TLVs, uint32(1+rnd.IntN(600)))
			}
			if rnd.IntN(4) == 0 {
				pdu.TLVSetDPF.Set(&m.TLVs, 1)
			}
			id := e.submit(m)
			if f := fates[id]; f != nil {
				f.asked = m.RegisteredDelivery // replaced
				continue
			}
			fates[id] = &fate{asked: m.RegisteredDelivery, dests: 1, receipts: map[pdu.MessageState]int{}}
			ids = append(ids, id)
		case 6:
			m := &pdu.SubmitMulti{Source: acme, Dests: []pdu.Destination{{List: "friends"}, {Address: mobile}}, RegisteredDelivery: pdu.FinalReceipt, ShortMessage: []byte("all")}
			resp, err := e.SubmitMulti(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			fates[resp.MessageID] = &fate{asked: pdu.FinalReceipt, dests: 4, receipts: map[pdu.MessageState]int{}}
		case 7:
			m := text(dests[rnd.IntN(len(dests))], "volatile")
			m.ESMClass = pdu.ESMClass(1 + rnd.IntN(2))
			if err := smpp.Go(t.Context(), e.Session, m, func(*pdu.SubmitSMResp, error) {}); err != nil {
				t.Fatal(err)
			}
		case 8, 9:
			if len(ids) == 0 {
				continue
			}
			id := ids[rnd.IntN(len(ids))]
			if op == 8 {
				_, err := e.Cancel(t.Context(), &pdu.CancelSM{MessageID: id, Source: acme})
				if err != nil {
					wantStatus(t, "cancel_sm", err, pdu.StatusCancelFailed)
				}
				continue
			}
			r := &pdu.ReplaceSM{MessageID: id, Source: acme, ShortMessage: []byte("new"), RegisteredDelivery: asked[rnd.IntN(len(asked))]}
			if rnd.IntN(2) == 0 {
				r.ScheduleDeliveryTime = relative(t, time.Duration(1+rnd.IntN(100))*time.Second)
			}
			switch _, err := e.Replace(t.Context(), r); {
			case err == nil:
				fates[id].asked = r.RegisteredDelivery
			case r.ScheduleDeliveryTime != "" && isStatus(err, pdu.StatusInvalidScheduleTime): // beyond its validity
			default:
				wantStatus(t, "replace_sm", err, pdu.StatusReplaceFailed)
			}
		case 10:
			broadcasts[e.broadcast(broadcast("flood", uint16(1+rnd.IntN(5)), everyMinute, "north", "south"))] = true
		case 11, 12:
			id := []string{"shop", "once"}[rnd.IntN(2)]
			if g := guests[id]; g != nil {
				_ = g.NetConn().Close()
				delete(guests, id)
			} else {
				guests[id] = b.bind(smpp.Config{SystemID: id, Password: "x", Bind: smpp.Receiver}, answer)
			}
		case 13:
			if rnd.IntN(4) == 0 {
				note(t)
				b.close()
				time.Sleep(time.Duration(rnd.IntN(60)) * time.Second)
				start()
				restarts++
			}
		default:
			time.Sleep(time.Duration(rnd.IntN(20_000)) * time.Millisecond)
			note(t)
		}
	}
	for _, id := range []string{"shop", "once"} {
		if guests[id] == nil {
			guests[id] = b.bind(smpp.Config{SystemID: id, Password: "x", Bind: smpp.Receiver}, nil)
		}
	}
	time.Sleep(26 * time.Hour) // the default validity, after any schedule
	synctest.Wait()
	note(t)
	if st := b.center.Stats(); st.Live != 0 || st.Places != 0 {
		t.Errorf("left behind: %+v", st.Stats)
	}
	b.close()
	if len(fates) < 50 || restarts == 0 || len(broadcasts) == 0 {
		t.Fatalf("%d messages, %d broadcasts, %d restarts: that is no test", len(fates), len(broadcasts), restarts)
	}
	ends, twice := map[pdu.MessageState]int{}, 0
	for text, f := range fates {
		told := 0
		for state, n := range f.receipts {
			told += n
			if n > 1 && f.dests == 1 {
				twice++
			}
			if !state.Final() {
				t.Errorf("%s: a receipt of %v", text, state)
			}
			ends[state]++
		}
		if f.dests == 1 && len(f.receipts) > 1 {
			t.Errorf("%s has come to more than one end: %v", text, f.receipts)
		}
		if f.asked.Receipt() == pdu.FinalReceipt && told < f.dests {
			t.Errorf("%s: %d receipts; want %d", text, told, f.dests)
		}
		if f.asked.Receipt() == pdu.NoReceipt && told > 0 {
			t.Errorf("%s: %d receipts that nobody asked for", text, told)
		}
	}
	if twice > 5*restarts {
		t.Errorf("%d receipts came twice after %d restarts", twice, restarts)
	}
	if len(ends) < 2 {
		t.Errorf("only the ends %v: that is no test", ends)
	}
}
