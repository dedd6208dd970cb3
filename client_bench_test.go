package smpp_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

// What a Client costs over a bare Session: submissions with a window of 100 over
// loopback, blocking and not, on one session and on two.
func BenchmarkClient(b *testing.B) {
	srv := &smpp.Server{Window: 100, Logger: quiet, Handler: smpp.Inline(smpp.HandlerFor(func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		return &pdu.SubmitSMResp{MessageID: "0123456789abcdef"}, nil
	}))}
	url := serve(b, srv)
	config := &smpp.Config{Window: 100, Logger: quiet}
	m := &pdu.SubmitSM{Dest: pdu.International("491701234567"), Source: pdu.Alphanumeric("ACME"), ShortMessage: make([]byte, 100)}

	session, err := smpp.Dial(b.Context(), url, config)
	if err != nil {
		b.Fatal(err)
	}
	defer session.Close()
	type both interface {
		smpp.RoundTripper
		smpp.AsyncRoundTripper
	}
	over := []struct {
		name string
		rt   both
	}{{"session", session}}
	for _, n := range []int{1, 2} {
		bound := make(chan struct{}, n)
		c := &smpp.Client{Targets: []smpp.Target{{URL: url}}, Sessions: n, Config: config, LinkChanged: func(l smpp.Link) {
			if l.State == smpp.LinkBound {
				bound <- struct{}{}
			}
		}}
		defer c.Close()
		if err := c.Connect(b.Context()); err != nil {
			b.Fatal(err)
		}
		for range n {
			<-bound
		}
		over = append(over, struct {
			name string
			rt   both
		}{fmt.Sprintf("client of %d", n), c})
	}
	for _, o := range over {
		b.Run("blocking/"+o.name, func(b *testing.B) {
			b.ReportAllocs()
			var wg sync.WaitGroup
			work := make(chan struct{}, b.N)
			for range b.N {
				work <- struct{}{}
			}
			close(work)
			b.ResetTimer()
			for range 100 {
				wg.Go(func() {
					for range work {
						if _, err := smpp.Do(b.Context(), o.rt, m); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
		b.Run("async/"+o.name, func(b *testing.B) {
			b.ReportAllocs()
			var wg sync.WaitGroup
			wg.Add(b.N)
			for range b.N {
				if err := smpp.Go(b.Context(), o.rt, m, func(_ *pdu.SubmitSMResp, err error) {
					if err != nil {
						b.Error(err)
					}
					wg.Done()
				}); err != nil {
					b.Fatal(err)
				}
			}
			wg.Wait()
		})
	}
}
