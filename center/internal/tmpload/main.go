package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

func main() {
	n, _ := strconv.Atoi(os.Args[2])
	var got, bad, last atomic.Int64
	all := make(chan struct{})
	var wg sync.WaitGroup
	begin := time.Now()
	for k := range 8 {
		wg.Go(func() {
			s, err := smpp.Dial(context.Background(), os.Args[1], &smpp.Config{Window: 100, InboundWindow: 1000, Handler: smpp.Inline(smpp.HandlerFor(func(_ context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
				last.Store(time.Now().UnixNano())
				if got.Add(1) == int64(n) {
					close(all)
				}
				return nil, nil
			}))})
			if err != nil {
				panic(err)
			}
			for i := range n / 8 {
				m := &pdu.SubmitSM{Source: pdu.Alphanumeric("ACME"), Dest: pdu.International(fmt.Sprint(4917000000 + i + k*100000)), ShortMessage: []byte("Your code is 4711. Do not tell anyone, not even us."), RegisteredDelivery: 1}
				if err := smpp.Go(context.Background(), s, m, func(_ *pdu.SubmitSMResp, err error) {
					if err != nil {
						bad.Add(1)
					}
				}); err != nil {
					panic(err)
				}
			}
		})
	}
	wg.Wait()
	fmt.Println("submitted", time.Since(begin), "bad", bad.Load())
	select {
	case <-all:
	case <-time.After(20 * time.Second):
	}
	el := time.Unix(0, last.Load()).Sub(begin)
	fmt.Println("receipts", got.Load(), el, float64(got.Load())/el.Seconds(), "a second, bad", bad.Load())
}
