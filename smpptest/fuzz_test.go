package smpptest_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

func fuzzSeeds(f *testing.F) [][]byte {
	seeds := [][]byte{nil, []byte("GET / HTTP/1.1\r\n\r\n"), {0, 0, 0, 16, 0}, {0, 0, 0, 3}, {0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1}}
	for _, body := range []pdu.Body{
		message, &pdu.EnquireLink{}, &pdu.Unbind{}, &pdu.UnbindResp{}, &pdu.BindTransceiver{}, &pdu.DeliverSM{}, &pdu.SubmitSMResp{MessageID: "1"},
		&pdu.AlertNotification{}, &pdu.GenericNack{}, &pdu.Unknown{ID: 0x00010200},
	} {
		frame, err := pdu.Append(nil, pdu.Header{Sequence: 1}, body)
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, frame, append(frame, frame[:20%len(frame)]...))
	}
	return seeds
}

// Without faults, what arrives is what was sent, PDUs or not, in whatever pieces
// it is written.
func FuzzFaultsPass(f *testing.F) {
	for i, seed := range fuzzSeeds(f) {
		f.Add(seed, uint8(i))
	}
	f.Fuzz(func(t *testing.T, octets []byte, piece uint8) {
		synctest.Test(t, func(t *testing.T) {
			near, far := smpptest.Pipe()
			conn := new(smpptest.Faults).Conn(near)
			go func() {
				for rest := octets; len(rest) > 0; {
					n := min(int(piece)+1, len(rest))
					if _, err := conn.Write(rest[:n]); err != nil {
						t.Error(err)
						break
					}
					rest = rest[n:]
				}
				_ = conn.Close()
			}()
			got, err := io.ReadAll(far)
			if err != nil || !bytes.Equal(got, octets) {
				t.Errorf("%x, %v; sent was %x", got, err, octets)
			}
			_ = far.Close()
		})
	})
}

// Whatever octets a server and a client are sent once bound, on a connection
// with whatever faults, they end, every request is told of, and no goroutine is
// left: the bubble would not end with one.
func FuzzSessionsLeaveNothing(f *testing.F) {
	for i, seed := range fuzzSeeds(f) {
		f.Add(seed, uint64(i))
	}
	quiet := slog.New(slog.DiscardHandler)
	f.Fuzz(func(t *testing.T, octets []byte, seed uint64) {
		rates := smpptest.Rates{Drop: 0.05, Duplicate: 0.05, Overtake: 0.05, Trickle: 0.05, Malform: 0.05, Garble: 0.02, Truncate: 0.02, Stall: 0.02,
			Refuse: 0.05, Latency: smpptest.Exponential(10 * time.Millisecond)}
		inject := func(t *testing.T, conn io.Writer, done <-chan struct{}) {
			if _, err := conn.Write(octets); err != nil {
				select {
				case <-done:
				default:
					t.Error(err)
				}
			}
		}
		// The server, and a peer that binds and sends the octets.
		synctest.Test(t, func(t *testing.T) {
			faults := &smpptest.Faults{Seed: seed, Sent: rates, Received: rates}
			near, far := smpptest.Pipe()
			s := (&smpp.Server{Handler: smpptest.Accept(), Logger: quiet}).ServeConn(faults.Conn(far))
			bind, err := pdu.Append(nil, pdu.Header{Sequence: 1}, &pdu.BindTransceiver{Bind: pdu.Bind{InterfaceVersion: pdu.V50}})
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.Copy(io.Discard, near) }()
			if _, err := near.Write(bind); err != nil {
				t.Fatal(err)
			}
			inject(t, near, s.Done())
			synctest.Wait()
			_, _ = s.Deliver(context.Background(), &pdu.DeliverSM{}) // until its response, its timeout, or the end of the session
			time.Sleep(time.Second)
			_ = near.Close()
			<-s.Done()
		})
		// A client, whose message center is a script that sends the octets.
		synctest.Test(t, func(t *testing.T) {
			faults := &smpptest.Faults{Seed: seed, Sent: rates, Received: rates}
			near, far := smpptest.Pipe()
			go func() {
				_, _ = io.ReadFull(far, make([]byte, 16)) // of the bind
				resp, err := pdu.Append(nil, pdu.Header{Sequence: 1}, &pdu.BindTransceiverResp{})
				if err != nil {
					t.Error(err)
				}
				_, _ = far.Write(append(resp, octets...)) // the client may be gone
				_, _ = io.Copy(io.Discard, far)
				_ = far.Close()
			}()
			s, err := smpp.Bind(t.Context(), faults.Conn(near), &smpp.Config{Logger: quiet})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Submit(t.Context(), message)
			if smpp.Outcome(err) == smpp.Accepted && !bytes.Contains(octets, []byte{0x80, 0, 0, 4}) {
				t.Error("accepted by nobody")
			}
			_ = s.Close()
		})
	})
}
