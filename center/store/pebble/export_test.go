package pebble

import (
	"encoding/binary"

	engine "github.com/cockroachdb/pebble/v2"
)

// LookAround looks at the disk now, rather than once a second.
func (s *Store) LookAround() { s.lookAround() }

// SetForm makes the database one of another version.
func (s *Store) SetForm(n uint64) {
	_ = s.db.Set(metaForm, binary.AppendUvarint(nil, n), engine.Sync)
}
