package memory

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/godwit-sms/smpp/center/store"
)

var _ store.Notebook = (*Store)(nil)

// Note keeps notes.
func (s *Store) Note(_ context.Context, notes ...store.Note) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	if s.notes == nil {
		s.notes = make(map[string]string)
	}
	for _, n := range notes {
		if n.Value == "" {
			delete(s.notes, n.Key)
		} else {
			s.notes[n.Key] = n.Value
		}
	}
	return nil
}

// Notes returns the notes whose keys begin with prefix.
func (s *Store) Notes(_ context.Context, prefix string) (notes []store.Note, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	for _, key := range slices.Sorted(maps.Keys(s.notes)) {
		if strings.HasPrefix(key, prefix) {
			notes = append(notes, store.Note{Key: key, Value: s.notes[key]})
		}
	}
	return notes, nil
}
