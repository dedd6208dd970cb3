package pebble_test

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/center/store/pebble"
	"github.com/godwit-sms/smpp/center/store/storetest"
	"github.com/godwit-sms/smpp/pdu"
)

func TestStore(t *testing.T) {
	for _, tt := range []struct {
		name string
		open func(testing.TB) store.Store
	}{
		{"on disk", func(tb testing.TB) store.Store { return open(tb, tb.TempDir(), pebble.Options{}) }},
		{"in memory, with texts", func(tb testing.TB) store.Store {
			return open(tb, "d", pebble.Options{FS: vfs.NewMem(), KeepText: true})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { storetest.Run(t, tt.open) })
	}
}

func open(tb testing.TB, dir string, o pebble.Options) *pebble.Store {
	tb.Helper()
	s, err := pebble.Open(dir, o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func shut(tb testing.TB, s *pebble.Store) {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Error(err)
	}
}

// Texts are kept, and room left free, as it is told while it runs.
func TestSet(t *testing.T) {
	s := open(t, "d", pebble.Options{FS: vfs.NewMem(), Logger: quiet()})
	defer shut(t, s)
	var ids message.IDSource
	end := func() message.ID {
		t.Helper()
		id := ids.Next(began, 1)
		for _, op := range []store.Op{{Kind: store.Accept, Message: sample(id)}, {Kind: store.Final, ID: id, State: pdu.StateDelivered, At: began}} {
			if err := s.Commit(t.Context(), 0, 0, []store.Op{op}); err != nil {
				t.Fatal(err)
			}
		}
		return id
	}
	text := func(id message.ID) bool {
		t.Helper()
		m, err := s.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return len(m.Text) > 0
	}
	first := end()
	s.Set(true, 0)
	second := end()
	s.Set(false, 0)
	third := end()
	if text(first) || !text(second) || text(third) {
		t.Errorf("texts kept: %t, %t, %t; want the second only", text(first), text(second), text(third))
	}
	for range 2 {
		if _, err := s.PruneText(t.Context(), began.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if text(second) {
			t.Error("a text is still there, though none are to be kept")
		}
	}
	s.Set(true, 0)
	fourth := end()
	if _, err := s.PruneText(t.Context(), began); err != nil || !text(fourth) {
		t.Errorf("the text is gone too early: %v", err)
	}
	if n, err := s.PruneText(t.Context(), began.Add(time.Hour)); err != nil || n == 0 || text(fourth) {
		t.Errorf("PruneText: %d, %v", n, err)
	}
}
