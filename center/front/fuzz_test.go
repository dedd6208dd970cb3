package front_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp/center"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// asked are the requests that a center answers.
var asked = []pdu.CommandID{
	pdu.IDSubmitSM, pdu.IDSubmitMulti, pdu.IDDataSM, pdu.IDQuerySM, pdu.IDCancelSM, pdu.IDReplaceSM, pdu.IDBroadcastSM, pdu.IDQueryBroadcastSM, pdu.IDCancelBroadcastSM,
}

// Every request is answered once, whatever is in it, and nothing panics.
func FuzzRequests(f *testing.F) {
	// A script is requests, each with an octet for the command, two for the length,
	// and a body.
	script := func(bodies ...pdu.Body) (s []byte) {
		for _, p := range bodies {
			b, err := pdu.Append(nil, pdu.Header{Sequence: 1}, p)
			if err != nil {
				f.Fatal(err)
			}
			for i, id := range asked {
				if id == p.Command() {
					s = append(binary.BigEndian.AppendUint16(append(s, byte(i)), uint16(len(b)-pdu.HeaderLen)), b[pdu.HeaderLen:]...)
				}
			}
		}
		return s
	}
	const first = "10001c49f6df0000" // the first message_id of a center in synctest's time
	submit := &pdu.SubmitSM{ServiceType: "CMT", Source: acme, Dest: pdu.ShortCode("8080"), ShortMessage: []byte("x"), RegisteredDelivery: 0x13, TLVs: tlv.List{pdu.TLVSetDPF.Option(1), pdu.TLVQOSTimeToLive.Option(5)}}
	later := &pdu.SubmitSM{Source: acme, Dest: mobile, ScheduleDeliveryTime: "000000010000000R", ValidityPeriod: "000001000000000R", ReplaceIfPresent: 1, DefaultMessageID: 1}
	now := &pdu.SubmitSM{Source: acme, Dest: mobile, ESMClass: pdu.ModeForward, ShortMessage: []byte("#fail")}
	multi := &pdu.SubmitMulti{Source: acme, Dests: []pdu.Destination{{Address: mobile}, {List: "friends"}, {List: "nobody"}}, ShortMessage: []byte("x")}
	data := &pdu.DataSM{Source: acme, Dest: mobile, ESMClass: pdu.ModeDatagram, TLVs: tlv.List{pdu.TLVMessagePayload.Option([]byte("#retry"))}}
	f.Add(byte(0x50), script(submit, later, now, multi, data))
	f.Add(byte(0x34), script(submit, later, data, multi))
	f.Add(byte(0x33), script(submit, later, multi, &pdu.QuerySM{MessageID: "fe67d001", Source: acme}))
	f.Add(byte(0x50), script(later, &pdu.QuerySM{MessageID: first, Source: acme}, &pdu.ReplaceSM{MessageID: first, Source: acme, ValidityPeriod: "000000020000000R", ShortMessage: []byte("y")}, &pdu.CancelSM{MessageID: first, Source: acme}, &pdu.CancelSM{Source: acme, Dest: mobile}))
	f.Add(byte(0x50), script(broadcast("flood", 3, everyMinute, "north", "south"), &pdu.QueryBroadcastSM{MessageID: first, Source: acme}, &pdu.CancelBroadcastSM{MessageID: first, Source: acme}, &pdu.CancelBroadcastSM{Source: acme}))
	f.Fuzz(func(t *testing.T, version byte, data []byte) {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(21 * 365 * 24 * time.Hour)
			var logged bytes.Buffer
			var mu sync.Mutex
			c, err := center.New(center.Config{
				Transaction:  5 * time.Second,
				DefaultTexts: map[uint8]string{1: "canned"}, Lists: map[string][]pdu.Address{"friends": {mobile, pdu.ShortCode("8080")}},
				Accounts: []account.Account{{ID: "demo", Password: "demo", Addresses: []string{"8080"}, Delivery: account.Delivery{Areas: []string{"north"}}}},
				Logger:   slog.New(slog.NewTextHandler(locked{&mu, &logged}, &slog.HandlerOptions{Level: slog.LevelError})),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			here, there := net.Pipe()
			defer func() { _ = here.Close() }()
			c.ServeConn(there)
			answers := map[uint32]int{}
			go func() {
				for {
					head := make([]byte, pdu.HeaderLen)
					if _, err := io.ReadFull(here, head); err != nil {
						return
					}
					h, length, err := pdu.ParseHeader(head)
					if err != nil {
						t.Error(err)
						return
					}
					if _, err := io.CopyN(io.Discard, here, int64(length)-pdu.HeaderLen); err != nil {
						return
					}
					if h.Command.IsResponse() {
						mu.Lock()
						answers[h.Sequence]++
						mu.Unlock()
					}
				}
			}()
			send := func(octets []byte) {
				if _, err := here.Write(octets); err != nil {
					t.Fatalf("the session has ended: %v", err)
				}
				synctest.Wait()
			}
			bind, err := pdu.Append(nil, pdu.Header{Sequence: 1}, &pdu.BindTransmitter{Bind: pdu.Bind{SystemID: "demo", Password: "demo", InterfaceVersion: pdu.Version(version)}})
			if err != nil {
				t.Fatal(err)
			}
			send(bind)
			sent := uint32(1)
			for len(data) >= 3 && sent < 20 {
				id, n := asked[int(data[0])%len(asked)], min(int(binary.BigEndian.Uint16(data[1:])), len(data)-3)
				sent++
				b := binary.BigEndian.AppendUint32(nil, uint32(pdu.HeaderLen+n))
				b = binary.BigEndian.AppendUint32(b, uint32(id))
				b = binary.BigEndian.AppendUint32(b, 0)
				b = binary.BigEndian.AppendUint32(b, sent)
				send(append(b, data[3:3+n]...))
				data = data[3+n:]
			}
			time.Sleep(25 * time.Second) // before the first enquire_link
			mu.Lock()
			defer mu.Unlock()
			for i := uint32(1); i <= sent; i++ {
				if answers[i] != 1 {
					t.Errorf("request %d of %d has %d answers", i, sent, answers[i])
				}
			}
			if strings.TrimSpace(logged.String()) != "" {
				t.Errorf("logged %s", logged.String())
			}
		})
	})
}

// A locked is a writer that is used with a lock.
type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}
