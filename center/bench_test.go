package center_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center"
	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/pdu"
)

// Messages from submit_sm to the receipt, over one session whose client is in
// the same process.
func BenchmarkReceipts(b *testing.B) {
	c, err := center.New(center.Config{Handset: handset.Profile{Delay: -1}, DeliverWindow: 100, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = c.Serve(l) }()
	var got atomic.Int64
	all := make(chan struct{})
	s, err := smpp.Dial(b.Context(), "smpp://demo:demo@"+l.Addr().String(), &smpp.Config{Window: 100, InboundWindow: 1000,
		Handler: smpp.Inline(smpp.HandlerFor(func(context.Context, *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
			if got.Add(1) == int64(b.N) {
				close(all)
			}
			return nil, nil
		}))})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var refused atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		m := text(pdu.International(fmt.Sprint(491700000+i%10000)), "Your code is 4711. Do not tell anyone, not even us.")
		err := smpp.Go(b.Context(), s, m, func(_ *pdu.SubmitSMResp, err error) {
			if err != nil {
				refused.Add(1)
			}
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if n := refused.Load(); n > 0 {
		b.Fatalf("%d refused", n)
	}
	<-all
}
