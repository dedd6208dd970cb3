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
	"github.com/godwit-sms/smpp/center/route"
	"github.com/godwit-sms/smpp/center/store/memory"
	"github.com/godwit-sms/smpp/pdu"
)

// Whatever receivers do, and however they come and go: once there are some that
// take everything, everything arrives, long before its validity ends.
func TestNothingIsStuck(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { nothingStuck(t, seed) })
		})
	}
}

func nothingStuck(t *testing.T, seed uint64) {
	time.Sleep(21 * 365 * 24 * time.Hour)
	rnd, theirs := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
	kept := new(memory.Store)
	defer func() { _ = kept.Close() }()
	cfg := center.Config{
		Store: kept, Handset: handset.Profile{Name: "random", Seed: seed}, Linger: 2 * time.Minute, DeliverWindow: 3, ResponseTimeout: 20 * time.Second,
		Retry: []time.Duration{time.Second, 10 * time.Second, 10 * time.Minute}, Validity: 30 * 24 * time.Hour, ReceiptValidity: 30 * 24 * time.Hour,
		Accounts: []account.Account{
			{ID: "demo", Password: "demo"},
			{ID: "shop", Password: "x", Addresses: []string{"80*", "8081"}, Delivery: account.Delivery{Spread: route.Spread(rnd.IntN(3))}},
			{ID: "once", Password: "x", Addresses: []string{"^9"}, Delivery: account.Delivery{AtMostOnce: true}},
			{ID: "late", Password: "x"},
		},
	}
	var mu sync.Mutex
	kind := map[string]int{}
	answer := func(who string) func(pdu.Body) (pdu.Body, error) {
		return func(p pdu.Body) (pdu.Body, error) {
			mu.Lock()
			defer mu.Unlock()
			n := theirs.IntN(20)
			switch kind[who] {
			case 1: // refuses all for now
				n = 0
			case 2:
				n = 19
			case 3:
				n = 4
			}
			switch {
			case n < 3:
				return nil, pdu.StatusTemporaryAppError
			case n == 3:
				return nil, pdu.StatusThrottled
			case n == 4 && who != "once":
				return nil, errSilent
			}
			return nil, nil
		}
	}
	var b *bench
	var e *esme
	guests := map[int]*esme{}
	bindings := []struct{ who, addresses string }{{"shop", ""}, {"shop", "80*"}, {"shop", "8*"}, {"shop", "8081"}, {"once", ""}, {"once", "^9"}, {"late", "8080"}, {"late", "4917*"}, {"late", "9091"}}
	start := func() {
		b = open(t, cfg)
		e = b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
		clear(guests)
	}
	start()
	defer func() { b.close() }()
	dests := []string{"8080", "8081", "8082", "8190", "9090", "9091", "491701", "491702", "491801"}
	var ids []string
	for range 300 {
		switch op := rnd.IntN(10); op {
		case 0, 1, 2, 3:
			for range 1 + rnd.IntN(8) {
				m := text(pdu.Address{TON: pdu.TON(rnd.IntN(2)), Addr: dests[rnd.IntN(len(dests))]}, fmt.Sprint(len(ids)))
				m.RegisteredDelivery = pdu.FinalReceipt
				m.PriorityFlag = uint8(max(rnd.IntN(6)-3, 0))
				if rnd.IntN(5) == 0 {
					m.ScheduleDeliveryTime = relative(t, time.Duration(1+rnd.IntN(300))*time.Second)
				}
				ids = append(ids, e.submit(m))
			}
		case 4, 5, 6:
			i := rnd.IntN(len(bindings))
			if g := guests[i]; g != nil {
				if rnd.IntN(2) == 0 {
					_ = g.NetConn().Close()
				} else {
					_ = g.Close()
				}
				delete(guests, i)
				continue
			}
			x := bindings[i]
			mu.Lock()
			kind[x.who] = rnd.IntN(5)
			mu.Unlock()
			guests[i] = b.bind(smpp.Config{SystemID: x.who, Password: "x", Bind: smpp.Receiver, AddressRange: pdu.Address{TON: pdu.TON(rnd.IntN(2)), Addr: x.addresses}}, answer(x.who))
		case 7:
			if rnd.IntN(8) == 0 {
				b.close()
				start()
			}
		default:
			time.Sleep(time.Duration(rnd.IntN(30_000)) * time.Millisecond)
		}
	}
	for _, g := range guests {
		_ = g.Close()
	}
	r := b.bind(smpp.Config{Bind: smpp.Receiver}, nil)
	for _, x := range bindings {
		b.bind(smpp.Config{SystemID: x.who, Password: "x", Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: x.addresses}}, nil)
	}
	time.Sleep(40 * time.Minute)
	synctest.Wait()
	told := map[string]bool{}
	for _, x := range r.receipts(0) {
		told[x.ID] = true
	}
	for _, id := range ids {
		// What is sent at most once may be UNKNOWN for as long as it is valid.
		s := e.state(id)
		if s == pdu.StateEnroute || s == pdu.StateScheduled || s == pdu.StateExpired || told[id] != s.Final() {
			t.Errorf("%s is %v, and a receipt has come: %v", id, s, told[id])
		}
	}
	if t.Failed() {
		for _, q := range b.center.Queues(5) {
			t.Logf("left: %+v", q)
		}
	}
}
