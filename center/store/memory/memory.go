// Package memory is a store that lives as long as its process.
package memory

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/pdu"
)

// DefaultHistory is how many final messages a Store keeps when not told
// otherwise. Each takes about half a kilobyte.
const DefaultHistory = 200_000

// A Store keeps messages in memory. The zero value is ready for use. Live
// messages are kept whole, history without its content.
type Store struct {
	// History is how many final messages are kept at most; the oldest give way.
	// Zero: DefaultHistory; negative: none. SetHistory changes it once the store is
	// in use.
	History int

	mu       sync.RWMutex
	messages map[message.ID]*message.Message
	aliases  map[string]message.ID
	epochs   map[int]uint64
	final    []message.ID // in the order of their ends, from head on
	head     int
	notes    map[string]string
	closed   bool
}

var _ store.Store = (*Store)(nil)

// Commit carries out all operations or none.
func (s *Store) Commit(_ context.Context, shard int, epoch uint64, ops []store.Op) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	if epoch < s.epochs[shard] {
		return store.ErrFenced
	}
	if err := s.check(ops); err != nil {
		return err
	}
	if s.messages == nil {
		s.messages, s.aliases, s.epochs = make(map[message.ID]*message.Message), make(map[string]message.ID), make(map[int]uint64)
	}
	if epoch > s.epochs[shard] {
		s.epochs[shard] = epoch
	}
	for i := range ops {
		s.apply(&ops[i])
	}
	return nil
}

// check makes sure that apply cannot fail half way.
func (s *Store) check(ops []store.Op) error {
	const (
		isLive = iota + 1
		isGone
	)
	var changed map[message.ID]int // by the operations so far
	var aliases map[string]bool
	if len(ops) > 1 {
		changed = make(map[message.ID]int, len(ops))
	}
	for i := range ops {
		op := &ops[i]
		id := op.ID
		if op.Message != nil {
			id = op.Message.ID
		}
		old := s.messages[id]
		live := old != nil && !old.Ended()
		exists := old != nil
		if c := changed[id]; c != 0 {
			live, exists = c == isLive, c == isLive
		}
		if op.Kind == store.Accept {
			if exists {
				return store.ErrExists
			}
			if a := op.Message.Indexed(); a != "" {
				if _, taken := s.aliases[a]; taken || aliases[a] {
					return store.ErrExists
				}
				if aliases == nil {
					aliases = make(map[string]bool)
				}
				aliases[a] = true
			}
		} else if !live {
			return store.ErrNotFound
		}
		if changed != nil {
			changed[id] = isLive
			if op.Kind == store.Final || op.Kind == store.Remove {
				changed[id] = isGone
			}
		}
	}
	return nil
}

func (s *Store) apply(op *store.Op) {
	switch op.Kind {
	case store.Accept, store.Replace:
		s.messages[op.Message.ID] = op.Message
		if a := op.Message.Indexed(); a != "" {
			s.aliases[a] = op.Message.ID
		}
	case store.Release:
		m := *s.messages[op.ID]
		m.State = pdu.StateEnroute
		s.messages[op.ID] = &m
	case store.Attempt:
		m := *s.messages[op.ID]
		m.Attempts, m.Next, m.Error, m.Sent = op.Attempts, op.Next, op.Error, false
		if m.State == pdu.StateUnknown {
			m.State = pdu.StateEnroute
		}
		s.messages[op.ID] = &m
	case store.Begin:
		m := *s.messages[op.ID]
		m.Sent = true
		s.messages[op.ID] = &m
	case store.Lose:
		m := *s.messages[op.ID]
		m.State = pdu.StateUnknown
		s.messages[op.ID] = &m
	case store.Final:
		m := *s.messages[op.ID]
		m.State, m.Final, m.Error, m.Next = op.State, op.At, op.Error, time.Time{}
		m.Text, m.TLVs, m.Sent = nil, nil, false
		s.messages[op.ID] = &m
		s.final = append(s.final, op.ID)
		s.bound()
	case store.Remove:
		s.forget(op.ID)
	}
}

// SetHistory puts another bound in the place of History, while the store is in
// use or not.
func (s *Store) SetHistory(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.History = n
	s.bound()
}

// bound forgets what is too much of history.
func (s *Store) bound() {
	limit := s.History
	if limit == 0 {
		limit = DefaultHistory
	}
	for len(s.final)-s.head > max(limit, 0) {
		s.forgetOldest()
	}
}

func (s *Store) forget(id message.ID) {
	if m := s.messages[id]; m != nil {
		if m.Alias != "" && s.aliases[m.Alias] == id {
			delete(s.aliases, m.Alias)
		}
		delete(s.messages, id)
	}
}

func (s *Store) forgetOldest() {
	s.forget(s.final[s.head])
	s.head++
	if s.head > 1024 && s.head > len(s.final)/2 {
		s.final = slices.Delete(s.final, 0, s.head)
		s.head = 0
	}
}

// Get returns a message.
func (s *Store) Get(_ context.Context, id message.ID) (*message.Message, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	if m := s.messages[id]; m != nil {
		return m, nil
	}
	return nil, store.ErrNotFound
}

// Lookup returns the message that an index has under a key.
func (s *Store) Lookup(_ context.Context, index, key string) (message.ID, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return 0, store.ErrClosed
	}
	if index == store.IndexAlias {
		if id, ok := s.aliases[key]; ok {
			return id, nil
		}
	}
	return 0, store.ErrNotFound
}

// Load calls fn with every live message of a shard.
func (s *Store) Load(ctx context.Context, shard int, fn func(*message.Message) error) error {
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return store.ErrClosed
	}
	var live []*message.Message
	for id, m := range s.messages {
		if id.Shard() == shard && !m.Ended() {
			live = append(live, m)
		}
	}
	s.mu.RUnlock()
	slices.SortFunc(live, func(a, b *message.Message) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	for _, m := range live {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(m); err != nil {
			return err
		}
	}
	return nil
}

// Highest returns the highest id of a shard that is known.
func (s *Store) Highest(_ context.Context, shard int) (high message.ID, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return 0, store.ErrClosed
	}
	for id := range s.messages {
		if id.Shard() == shard {
			high = max(high, id)
		}
	}
	return high, nil
}

// Prune forgets the messages that became final before a time.
func (s *Store) Prune(_ context.Context, before time.Time) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, store.ErrClosed
	}
	n := 0
	for s.head < len(s.final) {
		if m := s.messages[s.final[s.head]]; m != nil && !m.Final.Before(before) {
			break
		}
		s.forgetOldest()
		n++
	}
	return n, nil
}

// PruneText has nothing to forget: history has no content here.
func (s *Store) PruneText(context.Context, time.Time) (int, error) { return 0, nil }

// Close forgets everything.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.messages, s.aliases, s.final, s.notes = nil, nil, nil, nil
	return nil
}
