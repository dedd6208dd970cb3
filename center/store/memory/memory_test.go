package memory_test

import (
	"testing"
	"time"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/center/store/memory"
	"github.com/godwit-sms/smpp/center/store/storetest"
	"github.com/godwit-sms/smpp/pdu"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(testing.TB) store.Store { return new(memory.Store) })
}

func TestHistoryIsBounded(t *testing.T) {
	s := &memory.Store{History: 10}
	var ids message.IDSource
	var all []message.ID
	for range 5000 {
		m := &message.Message{ID: ids.Next(time.Now(), 1), State: pdu.StateEnroute}
		if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: m}, {Kind: store.Final, ID: m.ID, State: pdu.StateDelivered, At: time.Now()}}); err != nil {
			t.Fatal(err)
		}
		all = append(all, m.ID)
	}
	for i, id := range all {
		_, err := s.Get(t.Context(), id)
		if kept := err == nil; kept != (i >= len(all)-10) {
			t.Fatalf("message %d of %d with a history of 10: %v", i, len(all), err)
		}
	}
	s.SetHistory(3)
	for i, id := range all[len(all)-10:] {
		if _, err := s.Get(t.Context(), id); (err == nil) != (i >= 7) {
			t.Errorf("message %d of 10 with a history of 3: %v", i, err)
		}
	}
}
