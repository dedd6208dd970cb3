package pebble

import (
	"context"

	engine "github.com/cockroachdb/pebble/v2"

	"github.com/godwit-sms/smpp/center/store"
)

var _ store.Notebook = (*Store)(nil)

func noteKey(key string) []byte { return append([]byte{keyNote}, key...) }

// Note keeps notes. When it returns nil they are on the disk.
func (s *Store) Note(ctx context.Context, notes ...store.Note) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.submit(&request{done: make(chan error, 1), raw: func(b *engine.Batch) (err error) {
		for _, n := range notes {
			if n.Value == "" {
				err = b.Delete(noteKey(n.Key), nil)
			} else {
				err = b.Set(noteKey(n.Key), []byte(n.Value), nil)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}})
}

// Notes returns the notes whose keys begin with prefix.
func (s *Store) Notes(ctx context.Context, prefix string) (notes []store.Note, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	from, to := noteKey(prefix), noteKey(prefix)
	for i := len(to) - 1; ; i-- { // the first key beyond; that of the space at the latest
		if to[i]++; to[i] != 0 {
			to = to[:i+1]
			break
		}
	}
	err = s.each(ctx, from, to, func(k, v []byte) error {
		notes = append(notes, store.Note{Key: string(k[1:]), Value: string(v)})
		return nil
	})
	return notes, err
}
