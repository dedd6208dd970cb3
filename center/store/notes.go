package store

import "context"

// A Note is something to know after a restart that is no message.
type Note struct{ Key, Value string }

// A Notebook is a Store that keeps notes, too. Its methods may be called
// concurrently.
type Notebook interface {
	// Note keeps notes, each in the place of the one with its key. One without a
	// value is forgotten. When it returns nil they are as durable as what Commit
	// carries out.
	Note(ctx context.Context, notes ...Note) error
	// Notes returns the notes whose keys begin with prefix, in the order of their
	// keys.
	Notes(ctx context.Context, prefix string) ([]Note, error)
}
