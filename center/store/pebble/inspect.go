package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	engine "github.com/cockroachdb/pebble/v2"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/pdu"
)

// Each calls fn with every message of the store, those that live first, with
// their content where it is kept, until fn returns an error, which Each returns.
func (s *Store) Each(ctx context.Context, fn func(*message.Message) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if err := s.each(ctx, []byte{keyLive}, []byte{keyLive + 1}, func(_, v []byte) error {
		m, err := message.ParseRecord(v)
		if err != nil {
			return err
		}
		return fn(m)
	}); err != nil {
		return err
	}
	return s.each(ctx, []byte{keyHistory}, []byte{keyHistory + 1}, func(_, v []byte) error {
		m, err := message.ParseRecord(v)
		if err != nil {
			return err
		}
		if err := s.get(idKey(keyText, m.ID), func(v []byte) error { return m.SetContent(v) }); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return fn(m)
	})
}

// Check reads the whole store and calls fault with each thing that is wrong with
// it: damaged blocks and records, and indexes that do not fit the messages. It
// returns how many messages it has read. Nothing is changed.
func (s *Store) Check(ctx context.Context, fault func(error)) (n int, err error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	if err := s.db.CheckLevels(nil); err != nil {
		fault(fmt.Errorf("the tables do not fit together: %w", err))
	}
	read := func(space byte, final bool) error {
		return s.each(ctx, []byte{space}, []byte{space + 1}, func(k, v []byte) error {
			n++
			m, err := message.ParseRecord(v)
			switch {
			case err != nil:
				fault(fmt.Errorf("message %x: %w", k[1:], err))
				return nil
			case string(idKey(space, m.ID)) != string(k):
				fault(fmt.Errorf("message %x: its record is that of %v", k[1:], m.ID))
			case m.Ended() != final || m.State.Final() != final && m.State != pdu.StateUnknown:
				fault(fmt.Errorf("message %v: it is %v, which does not belong where it is", m.ID, m.State))
			}
			if final {
				if err := s.get(endKey(m.Final, m.ID), func([]byte) error { return nil }); err != nil {
					fault(fmt.Errorf("message %v: the index of ends: %w", m.ID, err))
				}
				if err := s.get(idKey(keyText, m.ID), func(v []byte) error { return m.SetContent(v) }); err != nil && !errors.Is(err, store.ErrNotFound) {
					fault(fmt.Errorf("message %v: its text: %w", m.ID, err))
				}
			}
			if m.Indexed() != "" {
				if err := s.get(aliasKey(m.Alias), func(v []byte) error { return nil }); err != nil {
					fault(fmt.Errorf("message %v: its alias %s: %w", m.ID, m.Alias, err))
				}
			}
			return nil
		})
	}
	if err := errors.Join(read(keyLive, false), read(keyHistory, true)); err != nil {
		return n, err
	}
	dangling := func(space byte, what string, id func(k, v []byte) (message.ID, bool), in ...byte) error {
		return s.each(ctx, []byte{space}, []byte{space + 1}, func(k, v []byte) error {
			of, ok := id(k, v)
			if !ok {
				fault(fmt.Errorf("the %s %x is damaged", what, k[1:]))
				return nil
			}
			for _, space := range in {
				err := s.get(idKey(space, of), func([]byte) error { return nil })
				if !errors.Is(err, store.ErrNotFound) {
					return err
				}
			}
			fault(fmt.Errorf("the %s %x means message %v, which is not there", what, k[1:], of))
			return nil
		})
	}
	number := func(b []byte) (message.ID, bool) {
		if len(b) != 8 {
			return 0, false
		}
		return message.ID(binary.BigEndian.Uint64(b)), true
	}
	return n, errors.Join(
		dangling(keyEnd, "index of ends", func(k, _ []byte) (message.ID, bool) {
			if len(k) != 17 {
				return 0, false
			}
			return number(k[9:])
		}, keyHistory),
		dangling(keyText, "text", func(k, _ []byte) (message.ID, bool) { return number(k[1:]) }, keyHistory),
		dangling(keyAlias, "alias", func(_, v []byte) (message.ID, bool) { return number(v) }, keyLive, keyHistory),
	)
}

// Stats are numbers about a store.
type Stats struct {
	Live, History int            // messages
	States        map[string]int // of them, by state
	Disk          uint64         // octets
	Groups        uint64         // commits to the disk since it was opened
	Ops           uint64         // changes in them
}

// Stats counts what is in the store, for which it reads all of it.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	if err := s.enter(); err != nil {
		return Stats{}, err
	}
	defer s.leave()
	st := Stats{States: make(map[string]int), Groups: s.groups.Load(), Ops: s.ops.Load(), Disk: s.db.Metrics().DiskSpaceUsage()}
	count := func(space byte, n *int) error {
		return s.each(ctx, []byte{space}, []byte{space + 1}, func(_, v []byte) error {
			m, err := message.ParseFacts(v)
			if err != nil {
				return err
			}
			*n++
			st.States[m.State.String()]++
			return nil
		})
	}
	err := errors.Join(count(keyLive, &st.Live), count(keyHistory, &st.History))
	return st, err
}

// Backup writes a consistent copy of the store as it is now to a directory that
// must not exist, while others go on using it. Open opens the copy.
func (s *Store) Backup(dir string) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if _, err := s.fs.Stat(dir); err == nil {
		return fmt.Errorf("store: backup to %s: it exists", dir)
	}
	if err := s.db.Checkpoint(dir, engine.WithFlushedWAL()); err != nil {
		return fmt.Errorf("store: backup to %s: %w", dir, err)
	}
	return nil
}
