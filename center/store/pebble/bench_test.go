package pebble_test

import (
	"testing"
	"time"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/center/store/pebble"
	"github.com/godwit-sms/smpp/pdu"
)

// A message accepted and brought to its end, with many at it at once.
func BenchmarkAcceptFinal(b *testing.B) {
	s := open(b, b.TempDir(), pebble.Options{})
	defer shut(b, s)
	var ids message.IDSource
	text := make([]byte, 140)
	b.SetParallelism(128)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			m := sample(ids.Next(time.Now(), 1))
			m.Text = text
			if err := s.Commit(b.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: m}}); err != nil {
				b.Fatal(err)
			}
			if err := s.Commit(b.Context(), 0, 0, []store.Op{{Kind: store.Final, ID: m.ID, State: pdu.StateDelivered, At: time.Now()}}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
