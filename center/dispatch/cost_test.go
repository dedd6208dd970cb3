package dispatch_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/center/store/memory"
	"github.com/godwit-sms/smpp/pdu"
)

// A nullStore takes everything, has anything, and keeps nothing but how many there
// are to load.
type nullStore struct {
	*memory.Store
	n, dests int
}

func (*nullStore) Commit(context.Context, int, uint64, []store.Op) error { return nil }

func (*nullStore) Get(_ context.Context, id message.ID) (*message.Message, error) {
	return waitingMessage(id, 0, time.Now()), nil
}

func (s *nullStore) Load(_ context.Context, _ int, fn func(*message.Message) error) error {
	now := time.Now()
	var ids message.IDSource
	for i := range s.n {
		if err := fn(waitingMessage(ids.Next(now, 1), i%s.dests, now)); err != nil {
			return err
		}
	}
	return nil
}

func waitingMessage(id message.ID, dest int, now time.Time) *message.Message {
	return &message.Message{ID: id, Group: id, Account: "acme", State: pdu.StateEnroute, Submitted: now, Expires: now.Add(time.Hour),
		Source: pdu.Alphanumeric("ACME"), Dest: pdu.International(fmt.Sprintf("4917%08d", dest)), RegisteredDelivery: pdu.FinalReceipt, Text: make([]byte, 140)}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// What a message takes that waits is bounded, and does not depend on its text.
func TestWaitingCost(t *testing.T) {
	for _, tt := range []struct {
		dests int
		most  uint64 // octets of a message
	}{{100, 150}, {50_000, 350}} {
		const n = 50_000
		before := heap()
		d, err := dispatch.New(t.Context(), dispatch.Config{Store: &nullStore{new(memory.Store), n, tt.dests}, Router: new(network), Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		if got := (heap() - before) / n; got > tt.most {
			t.Errorf("%d octets for each of %d messages to %d destinations; at most %d are meant", got, n, tt.dests, tt.most)
		} else {
			t.Logf("%d octets for each of %d messages to %d destinations", got, n, tt.dests)
		}
		d.Close()
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, dests := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprintf("dests=%d", dests), func(b *testing.B) {
			s := &nullStore{new(memory.Store), 1_000_000, dests}
			for b.Loop() {
				d, err := dispatch.New(b.Context(), dispatch.Config{Store: s, Router: new(network), Logger: quiet})
				if err != nil {
					b.Fatal(err)
				}
				d.Close()
			}
			b.ReportMetric(float64(s.n)*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// BenchmarkSubmit is the way of a message through the dispatcher, with a store and
// a target that cost nothing.
func BenchmarkSubmit(b *testing.B) {
	d, err := dispatch.New(b.Context(), dispatch.Config{Store: &nullStore{new(memory.Store), 0, 1}, Router: &network{window: 1000}, Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		now := time.Now()
		m := waitingMessage(d.NextID(now, 1), i%1000, now)
		i++
		for d.Submit(b.Context(), m) != nil { // too many wait
			runtime.Gosched()
		}
	}
}
