package smpp_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
	"github.com/godwit-sms/smpp/tlv"
)

// mixed returns n requests with texts of all lengths, some of them longer than
// what is read at once, and with data_sm among them in every other ten.
func mixed(n int) []pdu.Body {
	var all []pdu.Body
	for i := range n {
		to, text := pdu.International(fmt.Sprintf("4917%08d", i)), []byte(strings.Repeat(string(rune('a'+i%26)), i%255))
		switch {
		case i%3 == 2 && i/10%2 == 0:
			all = append(all, &pdu.DataSM{Dest: to, TLVs: tlv.List{pdu.TLVMessagePayload.Option(text)}})
		case i%50 == 49:
			long := []byte(strings.Repeat(fmt.Sprintf("%05d", i), 12_000+i))
			all = append(all, &pdu.SubmitSM{Dest: to, TLVs: tlv.List{pdu.TLVMessagePayload.Option(long)}})
		case i%3 == 0:
			all = append(all, &pdu.SubmitSM{ServiceType: "WAP", Source: pdu.ShortCode("8080"), Dest: to, ShortMessage: text,
				TLVs: tlv.List{pdu.TLVUserMessageReference.Option(uint16(i))}})
		default:
			all = append(all, &pdu.SubmitSM{Dest: to, ShortMessage: text})
		}
	}
	return all
}

func wire(t *testing.T, seq uint32, m pdu.Body) []byte {
	t.Helper()
	octets, err := pdu.Append(nil, pdu.Header{Sequence: seq}, m)
	if err != nil {
		t.Fatal(err)
	}
	return octets
}

// What is lent is right for the time of the call, and what others are given
// beside it stays right for good: however the octets arrive, with pauses in which
// another session uses the memory for reading.
func TestBorrow(t *testing.T) {
	plain := func(c net.Conn) net.Conn { return c }
	for _, test := range []struct {
		name  string
		wrap  func(net.Conn) net.Conn
		n     int
		piece int // requests that are sent before the responses are read
		pause int // after so many reading stands now and then
	}{
		{"at once", plain, 600, 600, 600},
		{"at once, paused", plain, 600, 600, 0},
		{"piece by piece", plain, 600, 10, 600},
		{"piece by piece, paused", plain, 600, 10, 50}, // the buffer is at its largest by then
		{"octet by octet", smpptest.Trickle, 40, 40, 40},
		{"octet by octet, paused", smpptest.Trickle, 40, 40, 0},
	} {
		bubble(t, test.name, func(t *testing.T) {
			sent := mixed(test.n)
			flood := bytes.Repeat(wire(t, 1, &pdu.SubmitMulti{Dests: []pdu.Destination{{}}, ShortMessage: bytes.Repeat([]byte("X"), 250)}), 1000)
			var lent, kept []pdu.Body
			var frames [][]byte
			var other *raw
			took := func(ctx context.Context) {
				s := smpp.SessionFrom(ctx)
				if n := len(lent) + len(kept); n > test.pause && n%7 == 0 {
					s.Pause()
					time.AfterFunc(time.Minute, func() {
						other.write(flood)
						for range 1000 {
							other.next()
						}
						s.Resume()
					})
				}
			}
			mux := smpp.NewMux()
			smpp.HandleBorrow(mux, func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
				lent = append(lent, pdu.Clone(m))
				took(ctx)
				return &pdu.SubmitSMResp{MessageID: m.Dest.Addr}, nil
			})
			mux.Handle(pdu.IDDataSM, smpp.Inline(smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
				kept, frames = append(kept, in.Body), append(frames, in.Raw)
				took(in.Context())
				_ = w.Respond(pdu.StatusOK, &pdu.DataSMResp{MessageID: in.Body.(*pdu.DataSM).Dest.Addr})
			})))
			srv := &smpp.Server{Handler: mux, Logger: quiet, EnquireLink: -1}
			bind := pdu.BindTransceiver{Bind: pdu.Bind{InterfaceVersion: pdu.V50}}
			client, session := rawClient(t, srv)
			other, _ = rawClient(t, srv)
			for _, c := range []*raw{client, other} {
				c.send(pdu.Header{Sequence: 9999}, &bind)
				c.next()
			}
			wrapped := test.wrap(client)
			for i, m := range sent {
				if i%test.piece == 0 {
					var octets []byte
					for j := i; j < min(i+test.piece, len(sent)); j++ {
						octets = append(octets, wire(t, uint32(j+1), sent[j])...)
					}
					go func() { _, _ = wrapped.Write(octets) }()
				}
				h, body, _ := client.next()
				var id, to string
				switch b := body.(type) {
				case *pdu.SubmitSMResp:
					id = b.MessageID
				case *pdu.DataSMResp:
					id = b.MessageID
				}
				switch m := m.(type) {
				case *pdu.SubmitSM:
					to = m.Dest.Addr
				case *pdu.DataSM:
					to = m.Dest.Addr
				}
				if id != to || h.Status != pdu.StatusOK || h.Sequence != uint32(i+1) {
					t.Fatalf("message %d to %s: %v %v", i, to, h, body)
				}
			}
			_ = client.Close()
			<-session.Done() // and nothing uses lent any more
			for i, m := range sent {
				if _, ok := m.(*pdu.SubmitSM); ok {
					if got := wire(t, 1, lent[0]); string(got) != string(wire(t, 1, m)) {
						t.Fatalf("submit_sm %d is % x", i, got)
					}
					lent = lent[1:]
					continue
				}
				if string(frames[0]) != string(wire(t, uint32(i+1), m)) || string(wire(t, 1, kept[0])) != string(wire(t, 1, m)) {
					t.Fatalf("data_sm %d is % x: %v", i, frames[0], kept[0])
				}
				kept, frames = kept[1:], frames[1:]
			}
		})
	}
}

// Borrow is Inline in all other ways.
func TestBorrowIsInline(t *testing.T) {
	bubble(t, "commands that are not known", func(t *testing.T) {
		var raws []string
		h := smpp.Borrow(smpp.AnyCommand(smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
			raws = append(raws, string(in.Body.(*pdu.Unknown).Raw))
			_ = w.Respond(pdu.StatusOK, &pdu.Unknown{ID: in.Header.Command.Response(), Raw: in.Body.(*pdu.Unknown).Raw})
		})))
		client, _ := smpptest.Pair(t, nil, &smpp.Server{Handler: h, Logger: quiet})
		var want []string
		for i := range 20 {
			raw := []byte(strings.Repeat(string(rune('a'+i)), i))
			want = append(want, string(raw))
			resp, err := client.RoundTrip(t.Context(), &pdu.Unknown{ID: 0x00010100, Raw: raw})
			if u, ok := resp.(*pdu.Unknown); err != nil || !ok || string(u.Raw) != string(raw) {
				t.Fatal(resp, err)
			}
		}
		if !reflect.DeepEqual(raws, want) {
			t.Errorf("%q", raws)
		}
	})
	bubble(t, "a writer that is kept", func(t *testing.T) {
		var given *smpp.Incoming
		h := smpp.Borrow(smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
			given = in
			to := strings.Clone(in.Body.(*pdu.SubmitSM).Dest.Addr)
			time.AfterFunc(time.Second, func() {
				_ = w.Respond(pdu.StatusOK, &pdu.SubmitSMResp{MessageID: to})
			})
		}))
		client, _ := smpptest.Pair(t, nil, &smpp.Server{Handler: h, Logger: quiet})
		for range 30 {
			if resp, err := client.Submit(t.Context(), message); err != nil || resp.MessageID != message.Dest.Addr {
				t.Fatal(resp, err)
			}
			if given.Raw != nil || given.Body != nil {
				t.Error("the request is there after it was given back")
			}
		}
	})
	bubble(t, "binds are kept", func(t *testing.T) {
		seen := make(chan string, 1)
		srv := &smpp.Server{Handler: smpp.Borrow(byAddress), Logger: quiet, Authenticate: func(_ context.Context, b *pdu.Bind) (*smpp.Account, error) {
			time.Sleep(time.Second) // while more is read
			seen <- b.SystemID + " " + b.Password
			return nil, nil
		}}
		client, server := rawClient(t, srv)
		client.send(pdu.Header{Sequence: 1}, &pdu.BindTransceiver{Bind: pdu.Bind{SystemID: "acme", Password: "secret", InterfaceVersion: pdu.V34}})
		synctest.Wait()
		for range 50 {
			client.send(pdu.Header{Sequence: 2}, &pdu.Unknown{ID: 0x00010100, Raw: bytes.Repeat([]byte("X"), 100)})
			client.next()
		}
		if h, _, _ := client.next(); h.Command != pdu.IDBindTransceiverResp || h.Status != pdu.StatusOK {
			t.Fatal(h)
		}
		if got := <-seen; got != "acme secret" {
			t.Errorf("Authenticate saw %q", got)
		}
		for range 50 {
			client.send(pdu.Header{Sequence: 2}, message)
			client.next()
		}
		if b := server.BindRequest(); b.SystemID != "acme" || b.Password != "secret" || server.SystemID() != "acme" {
			t.Errorf("%q %q", b.SystemID, server.SystemID())
		}
	})
}

// A session makes no garbage for a request that is lent.
func TestBorrowAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const batch = 50
	var octets []byte
	for i := range batch {
		octets = append(octets, wire(t, uint32(i+1), message)...)
	}
	answer := &pdu.SubmitSMResp{MessageID: "0123456789abcdef"}
	f := func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) { return answer, nil }
	for _, test := range []struct {
		name    string
		handler smpp.Handler
		most    float64 // for each request
	}{
		{"Borrow", smpp.Borrow(smpp.HandlerFor(f)), 0.02},
		{"Inline", smpp.Inline(smpp.HandlerFor(f)), 0.5},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		srv := &smpp.Server{Handler: test.handler, Logger: quiet, EnquireLink: -1}
		go func() { _ = srv.Serve(l) }()
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		client := &raw{conn, t}
		client.send(pdu.Header{Sequence: 9999}, &pdu.BindTransceiver{})
		client.next()
		answers := make([]byte, batch*33)
		n := testing.AllocsPerRun(200, func() {
			client.write(octets)
			for got := 0; got < len(answers); {
				m, err := client.Read(answers[got:])
				if err != nil {
					t.Fatal(err)
				}
				got += m
			}
		})
		t.Logf("%s: %.2f allocations for each request", test.name, n/batch)
		if n/batch > test.most {
			t.Errorf("%s: %.2f allocations for each request, at most %v", test.name, n/batch, test.most)
		}
		_ = conn.Close()
		_ = srv.Close()
	}
}
