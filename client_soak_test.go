package smpp_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// Connections that lose, delay, mix up and refuse what passes, message centers
// that come and go: every request is told of once, and what is told agrees with
// what the message centers accepted.
func TestClientAccountsForEverything(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { soakClient(t, seed) })
		})
	}
}

func soakClient(t *testing.T, seed uint64) {
	const (
		senders = 60
		each    = 100
	)
	var n network
	var accepted acceptedLog
	hosts := []string{"a", "b", "c"}
	for _, host := range hosts {
		n.serve(t, host, &smpp.Server{Handler: accepted.handler(), Window: 50})
	}
	faults := &smpptest.Faults{Seed: seed, Dialer: &n,
		Sent: smpptest.Rates{Drop: 0.002, Overtake: 0.01, Trickle: 0.01, Malform: 0.005, Garble: 0.001, Truncate: 0.002, Stall: 0.001,
			Refuse: 0.02, Burst: 5, RefuseBind: 0.05, BindStatus: pdu.StatusSystemError, Latency: smpptest.Uniform(0, 50*time.Millisecond)},
		Received: smpptest.Rates{Drop: 0.002, Duplicate: 0.01, Overtake: 0.01, Malform: 0.005, Garble: 0.001, Truncate: 0.002, Stall: 0.001,
			Latency: smpptest.Exponential(20 * time.Millisecond)},
	}
	list := targets(hosts...)
	list[2].Priority = 1
	c := &smpp.Client{Targets: list, Sessions: 2, Held: 20, Config: &smpp.Config{
		Dialer: faults, Logger: quiet, ResponseTimeout: 10 * time.Second, EnquireLink: 5 * time.Second, Limiter: smpp.NewLimiter(smpp.Rate{PerSecond: 200}, smpp.Rate{}),
	}}
	t.Cleanup(func() { _ = c.Close() })

	var mu sync.Mutex
	told := map[string][]error{}
	tell := func(key string, err error) {
		mu.Lock()
		defer mu.Unlock()
		told[key] = append(told[key], err)
	}
	var wg, calls sync.WaitGroup
	for s := range senders {
		r := rand.New(rand.NewPCG(seed, uint64(s)))
		wg.Go(func() {
			for i := range each {
				m := &pdu.SubmitSM{Dest: pdu.International(fmt.Sprintf("%03d%03d", s, i))}
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+r.IntN(40))*time.Second)
				if s%2 == 0 {
					_, err := c.Submit(ctx, m)
					tell(m.Dest.Addr, err)
					cancel()
					continue
				}
				calls.Add(1)
				if err := smpp.Go(ctx, c, m, func(_ *pdu.SubmitSMResp, err error) {
					tell(m.Dest.Addr, err)
					cancel()
					calls.Done()
				}); err != nil {
					tell(m.Dest.Addr, err)
					cancel()
					calls.Done()
				}
			}
		})
	}
	// Message centers come and go meanwhile.
	stop := make(chan struct{})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		r := rand.New(rand.NewPCG(seed, 1000))
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(5+r.IntN(20)) * time.Second):
			}
			host := hosts[r.IntN(len(hosts))]
			n.set(host, nil)
			time.Sleep(time.Duration(r.IntN(10)) * time.Second)
			n.serve(t, host, &smpp.Server{Handler: accepted.handler(), Window: 50})
		}
	}()
	closed := seed%2 == 1
	if closed { // in the middle of it
		time.AfterFunc(15*time.Second, func() { _ = c.Close() })
	}
	wg.Wait()
	calls.Wait()
	close(stop)
	<-gone
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.Shutdown(ctx); err != nil {
		t.Logf("Shutdown: %v", err) // a session that is stuck
	}
	if s := c.Stats(); s.Held != 0 || s.Waiting != 0 || s.Bound != 0 {
		t.Errorf("left behind: %+v", s)
	}

	count := map[string]int{}
	order := map[string]string{} // sender to the last message accepted
	for _, dest := range accepted.all() {
		count[dest]++
		if count[dest] > 1 {
			t.Errorf("%s was accepted %d times", dest, count[dest])
		}
		mu.Lock()
		errs := told[dest]
		mu.Unlock()
		// Those of RoundTrip come one after the other.
		if sender := dest[:3]; len(errs) == 1 && errs[0] == nil && (sender[2]-'0')%2 == 0 {
			if strings.Compare(order[sender], dest) >= 0 {
				t.Errorf("%s was accepted after %s", dest, order[sender])
			}
			order[sender] = dest
		}
	}
	outcomes := map[smpp.OutcomeKind]int{}
	for s := range senders {
		for i := range each {
			dest := fmt.Sprintf("%03d%03d", s, i)
			errs := told[dest]
			if len(errs) != 1 {
				t.Errorf("%s: told %d times: %v", dest, len(errs), errs)
				continue
			}
			o := smpp.Outcome(errs[0])
			outcomes[o]++
			switch o {
			case smpp.Accepted:
				if count[dest] != 1 {
					t.Errorf("%s: told as accepted, and was accepted %d times", dest, count[dest])
				}
			case smpp.Refused, smpp.NeverSent:
				if count[dest] != 0 {
					t.Errorf("%s: told as %v (%v), and was accepted", dest, o, errs[0])
				}
			}
		}
	}
	t.Logf("%v; %+v; faults %v", outcomes, c.Stats(), faults.Counts())
	few := outcomes[smpp.Accepted] < senders*each/10 || !closed && outcomes[smpp.Accepted] < senders*each/2 || closed && outcomes[smpp.NeverSent] < senders*each/4
	if few || outcomes[smpp.Unknown] == 0 || c.Stats().Retried == 0 {
		t.Errorf("%v, %+v: that was no test", outcomes, c.Stats())
	}
}
