package smpp_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// However many senders share a context, its end ends the waits of all of them,
// and of no others; and nothing of it is left for those who send next.
func TestSharedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answer atomic.Bool
		answer.Store(true)
		var mu sync.Mutex
		var kept []smpp.ResponseWriter
		mux := smpp.NewMux()
		mux.Handle(pdu.IDSubmitSM, smpp.Inline(smpp.HandlerFunc(func(w smpp.ResponseWriter, _ *smpp.Incoming) {
			if answer.Load() {
				_ = w.Respond(pdu.StatusOK, &pdu.SubmitSMResp{MessageID: "1"})
				return
			}
			mu.Lock()
			defer mu.Unlock()
			kept = append(kept, w)
		})))
		client, _ := smpptest.Pair(t, &smpp.Config{Window: 500, ResponseTimeout: -1, EnquireLink: -1}, &smpp.Server{Handler: mux, Window: 500, EnquireLink: -1})
		for round := range 5 {
			shared, cancel := context.WithCancel(t.Context())
			answer.Store(true)
			for range 300 { // enough to be noticed as shared
				if _, err := client.Submit(shared, &pdu.SubmitSM{}); err != nil {
					t.Fatal(err)
				}
			}
			answer.Store(false)
			var others, waiting sync.WaitGroup
			other, cancelOther := context.WithCancel(t.Context())
			for range 20 {
				others.Go(func() {
					if _, err := client.Submit(other, &pdu.SubmitSM{}); err != nil {
						t.Errorf("round %d: with another context: %v", round, err)
					}
				})
			}
			for range 200 {
				waiting.Go(func() {
					_, err := client.Submit(shared, &pdu.SubmitSM{})
					if !errors.Is(err, context.Canceled) || smpp.Outcome(err) != smpp.Unknown {
						t.Errorf("round %d: %v; want %v with an unknown outcome", round, err, context.Canceled)
					}
				})
			}
			synctest.Wait()
			cancel()
			waiting.Wait()
			if _, err := client.Submit(shared, &pdu.SubmitSM{}); smpp.Outcome(err) != smpp.NeverSent {
				t.Errorf("round %d: after the end of the context: %v", round, err)
			}
			mu.Lock()
			for _, w := range kept {
				_ = w.Respond(pdu.StatusOK, &pdu.SubmitSMResp{MessageID: "2"})
			}
			kept = nil
			mu.Unlock()
			others.Wait()
			cancelOther()
			time.Sleep(10 * time.Second) // the sweep lets go of what nobody uses
			if n := client.Outstanding(); n != 0 {
				t.Errorf("round %d: %d requests are open", round, n)
			}
		}
	})
}

// So it is for a request that takes no slot, though the session is idle besides.
func TestSharedContextOfEnquireLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := smpptest.Pair(t, &smpp.Config{EnquireLink: -1}, &smpp.Server{Handler: smpp.Inline(byAddress), EnquireLink: -1})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for range 300 { // enough to be noticed as shared
			if _, err := client.Submit(ctx, message); err != nil {
				t.Fatal(err)
			}
		}
		server.Pause()
		time.AfterFunc(5*time.Second, cancel)
		start := time.Now()
		if err := client.EnquireLink(ctx); !errors.Is(err, context.Canceled) || time.Since(start) != 5*time.Second {
			t.Errorf("after %v: %v; want %v after 5s", time.Since(start), err, context.Canceled)
		}
		server.Resume()
	})
}

// Contexts that end while responses come in: every call returns once, with a
// response or the error of its context.
func TestSharedContextRaces(t *testing.T) {
	srv := smpptest.NewServer(smpptest.Accept())
	defer srv.Close()
	client, err := smpp.Dial(t.Context(), srv.URL, &smpp.Config{Window: 64})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range 30 {
		ctx, cancel := context.WithCancel(t.Context())
		stop := 1 + rand.IntN(2000)
		var n atomic.Int64
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for ctx.Err() == nil {
					resp, err := client.Submit(ctx, &pdu.SubmitSM{ShortMessage: []byte("x")})
					switch {
					case err == nil && resp.MessageID == "":
						t.Error("neither a message id nor an error")
					case err != nil && !errors.Is(err, context.Canceled):
						t.Error(err)
					}
					if n.Add(1) == int64(stop) {
						cancel()
					}
				}
			})
		}
		wg.Wait()
		cancel()
	}
	if err := client.EnquireLink(t.Context()); err != nil {
		t.Error(err)
	}
}
