package smpp_test

import (
	"fmt"
	"testing"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// A submit_sm and its response over loopback, both ends in this process.
func BenchmarkSubmit(b *testing.B) {
	for _, version := range []pdu.Version{pdu.V34, pdu.V50} {
		for _, window := range []int{1, 100} {
			b.Run(fmt.Sprintf("v%v/window=%d", version, window), func(b *testing.B) {
				srv := smpptest.NewUnstartedServer(smpp.Inline(byAddress))
				srv.Window = window
				go func() { _ = srv.Serve(srv.Listener) }()
				defer srv.Close()
				s, err := smpp.Dial(b.Context(), "smpp://"+srv.Listener.Addr().String(), &smpp.Config{Window: window, Version: version})
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				b.ReportAllocs()
				b.ResetTimer()
				if window == 1 {
					for b.Loop() {
						if _, err := s.Submit(b.Context(), message); err != nil {
							b.Fatal(err)
						}
					}
					return
				}
				done := func(_ *pdu.SubmitSMResp, err error) {
					if err != nil {
						b.Error(err)
					}
				}
				for b.Loop() {
					if err := smpp.Go(b.Context(), s, message, done); err != nil {
						b.Fatal(err)
					}
				}
				_ = s.Shutdown(b.Context())
			})
		}
	}
}

// What a submit_sm and its response cost in allocations, both ends together,
// with what a session can do but is not asked to.
func TestSubmitAllocations(t *testing.T) {
	for _, version := range []pdu.Version{pdu.V34, pdu.V50} {
		t.Run("v"+version.String(), func(t *testing.T) {
			srv := smpptest.NewUnstartedServer(smpp.Inline(byAddress))
			go func() { _ = srv.Serve(srv.Listener) }()
			defer srv.Close()
			s, err := smpp.Dial(t.Context(), "smpp://"+srv.Listener.Addr().String(), &smpp.Config{Version: version})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			ctx := t.Context()
			n := testing.AllocsPerRun(2000, func() {
				if _, err := s.Submit(ctx, message); err != nil {
					t.Error(err)
				}
			})
			most := 4.0
			if raceEnabled {
				most = 7
			}
			if n > most {
				t.Errorf("%v allocations; want %v at most", n, most)
			}
		})
	}
}
