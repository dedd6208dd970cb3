package dispatch_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/internal/load"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/center/store/pebble"
	"github.com/godwit-sms/smpp/pdu"
)

// A crossroads has an absent receiver for all numbers that begin with 44; all
// others, and the receipts, are taken at once.
type crossroads struct {
	absent   network
	receipts atomic.Int64
}

func (c *crossroads) Route(k dispatch.Key) dispatch.Target {
	if k.Account == "" && strings.HasPrefix(k.Addr, "44") {
		return &c.absent
	}
	return c
}

func (*crossroads) Window() int { return 1000 }

func (c *crossroads) Attempt(a *dispatch.Attempt) {
	if a.Message.Kind == message.Receipt {
		c.receipts.Add(1)
	}
	a.Done(dispatch.Result{Outcome: dispatch.Delivered})
}

// BenchmarkBacklog is the way of a message from its submission to its receipt,
// all of it on a disk, while others wait for a receiver that is absent. cpu-ns/op
// is the processor time of it, of both processors and with what the garbage
// collector and the database do behind it.
func BenchmarkBacklog(b *testing.B) {
	for _, tt := range []struct{ waiting, dests int }{{1000, 1000}, {1_000_000, 1000}, {1_000_000, 1_000_000}} {
		b.Run(fmt.Sprintf("waiting=%d/dests=%d", tt.waiting, tt.dests), func(b *testing.B) {
			kept, err := pebble.Open(b.TempDir(), pebble.Options{Logger: quiet})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = kept.Close() }()
			var ids message.IDSource
			begin := time.Now()
			ops := make([]store.Op, 0, 1000)
			for i := range tt.waiting {
				m := waitingMessage(ids.Next(begin, 1), i, begin)
				m.Dest = pdu.International(fmt.Sprintf("4477%08d", i%tt.dests))
				m.Expires = begin.Add(24 * time.Hour)
				if ops = append(ops, store.Op{Kind: store.Accept, Message: m}); len(ops) == cap(ops) {
					if err := kept.Commit(b.Context(), 0, 0, ops); err != nil {
						b.Fatal(err)
					}
					ops = ops[:0]
				}
			}
			net := new(crossroads)
			d, err := dispatch.New(b.Context(), dispatch.Config{Store: kept, Router: net, Logger: quiet, MaxWaiting: 3_000_000, MaxPerAccount: 3_000_000,
				Receipt: func(m *message.Message, kind message.Kind, at time.Time) *message.Message {
					return &message.Message{Kind: kind, Group: m.ID, Account: m.Account, State: pdu.StateEnroute, Submitted: at, Expires: at.Add(time.Hour), Source: m.Dest, Dest: m.Source, Text: m.Text}
				}})
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			var n atomic.Int64
			b.SetParallelism(256)
			b.ReportAllocs()
			b.ResetTimer()
			cpu := load.CPU()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					now := time.Now()
					if err := d.Submit(b.Context(), waitingMessage(d.NextID(now, 1), int(n.Add(1)%10_000), now)); err != nil {
						b.Error(err)
						return
					}
				}
			})
			ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
			defer cancel()
			if err := d.Drain(ctx); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			b.ReportMetric(float64(load.CPU()-cpu)/float64(b.N), "cpu-ns/op")
			if got := net.receipts.Load(); got != int64(b.N) {
				b.Errorf("%d receipts of %d messages", got, b.N)
			}
		})
	}
}
