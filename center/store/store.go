// Package store is what the message center needs of a place where messages
// survive: operations on messages, not tables or keys. Package
// store/storetest has the tests that every engine has to pass.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godwit-sms/smpp/center/message"
)

// The errors of a Store. Any other is a fault of the engine.
var (
	// ErrNotFound means that there is no such message, or none any more.
	ErrNotFound = errors.New("store: no such message")
	// ErrFenced means that somebody else owns the shard by now.
	ErrFenced = errors.New("store: the shard has a new owner")
	// ErrExists refuses a message whose id or alias is taken.
	ErrExists = errors.New("store: the message exists")
	// ErrFull refuses new messages because there is no room for them. Messages that
	// are there can still be brought to their end.
	ErrFull = errors.New("store: there is no room for new messages")
	// ErrClosed means that the store was closed.
	ErrClosed = errors.New("store: closed")
)

// IndexAlias is the index of Message.Indexed.
const IndexAlias = "alias"

// A Kind is what an Op does.
type Kind uint8

// The kinds of operation, and the fields of Op that they use.
const (
	Accept  Kind = iota + 1 // Message: a new message
	Replace                 // Message: takes the place of the one with its ID, which must not be final
	Release                 // ID: a scheduled message is on its way from now on
	Attempt                 // ID, Attempts, Next, Error: an attempt failed; a message whose state was unknown is enroute again
	Final                   // ID, State, At, Error: the final state, with which the message becomes history
	Remove                  // ID: the message is to be forgotten, as a receipt is once it is delivered
	Begin                   // ID: an attempt begins, of a message that is tried at most once: it is Sent until Attempt, Replace or Final
	Lose                    // ID: nobody knows what became of the attempt: the state is unknown from now on
)

func (k Kind) String() string {
	names := [...]string{"accept", "replace", "release", "attempt", "final", "remove", "begin", "lose"}
	if k >= 1 && int(k) <= len(names) {
		return names[k-1]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// An Op is one operation. The store keeps Message, which nobody may change any
// more.
type Op struct {
	Kind    Kind
	ID      message.ID
	Message *message.Message
	// Known may be, of Final and Remove, the live message as the store has it, all
	// of it: the store may take that rather than look, and need not find out
	// whether it is live. It does not keep it. Nil: the store looks.
	Known    *message.Message
	State    message.State
	At       time.Time
	Next     time.Time
	Attempts int
	Error    message.Error
}

// A Store keeps messages. Its methods may be called concurrently; the messages
// that they return are shared and must not be changed.
type Store interface {
	// Commit carries out all operations or none. When it returns nil they are as
	// durable as the engine makes them. epoch is that of the owner of the shard:
	// ErrFenced refuses an epoch lower than one that was seen. ErrNotFound means
	// that a message is not there, or is final, where a live one is needed;
	// ErrExists that Accept has an id or alias that is taken.
	Commit(ctx context.Context, shard int, epoch uint64, ops []Op) error
	// Get returns a message, live or not. History may come without content: the
	// text and the TLVs.
	Get(ctx context.Context, id message.ID) (*message.Message, error)
	// Lookup returns the message that an index has under a key.
	Lookup(ctx context.Context, index, key string) (message.ID, error)
	// Load calls fn with every live message of a shard, in the order of their
	// ids, until fn returns an error, which Load returns. They may come without
	// content.
	Load(ctx context.Context, shard int, fn func(*message.Message) error) error
	// Highest returns the highest id of a shard that is known, live or not; zero:
	// none. IDs to come have to be above it.
	Highest(ctx context.Context, shard int) (message.ID, error)
	// Prune forgets the messages that became final before a time, and returns
	// how many they were.
	Prune(ctx context.Context, before time.Time) (int, error)
	// PruneText forgets the text and the TLVs of those that became final before a
	// time, where history has them, and returns of how many.
	PruneText(ctx context.Context, before time.Time) (int, error)
	// Close ends the use of the store. Every other call fails with ErrClosed
	// afterwards.
	Close() error
}

// Base returns the engine behind stores that stand in front of another, which
// have a method Unwrap to tell it.
func Base(s Store) Store {
	for {
		w, ok := s.(interface{ Unwrap() Store })
		if !ok {
			return s
		}
		s = w.Unwrap()
	}
}
