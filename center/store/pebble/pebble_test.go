package pebble_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/center/store/pebble"
	"github.com/godwit-sms/smpp/center/store/storetest"
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
