package front

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/pdu"
)

// A reference is the user_message_reference that an ESME has given a broadcast.
type reference struct {
	account string
	source  pdu.Address
	number  uint16
}

// maxReferences is how many references are remembered.
const maxReferences = 10_000

// references are the last broadcasts by their reference. A store that keeps notes
// has them after a restart; otherwise those of broadcasts that are not over are
// found there.
type references struct {
	store store.Store
	log   *slog.Logger

	mu    sync.Mutex
	ready bool // the notes were read
	byRef map[reference]message.ID
	order []reference // the oldest first
}

// referencePrefix is how the keys of notes about references begin. The account, a
// NUL, the type of number, the plan and the reference as eight hexadecimal digits,
// and the address follow; the value is the ID of the broadcast.
const referencePrefix = "broadcast/"

func (ref *reference) key() string {
	digits := hex.EncodeToString([]byte{byte(ref.source.TON), byte(ref.source.NPI), byte(ref.number >> 8), byte(ref.number)})
	return referencePrefix + ref.account + "\x00" + digits + ref.source.Addr
}

func parseReference(n store.Note) (ref reference, id message.ID, ok bool) {
	account, rest, _ := strings.Cut(strings.TrimPrefix(n.Key, referencePrefix), "\x00")
	if len(rest) < 8 {
		return ref, 0, false
	}
	b, err := hex.DecodeString(rest[:8])
	if err != nil {
		return ref, 0, false
	}
	id, ok = message.ParseID(n.Value)
	return reference{account, pdu.Address{TON: pdu.TON(b[0]), NPI: pdu.NPI(b[1]), Addr: rest[8:]}, uint16(b[2])<<8 | uint16(b[3])}, id, ok
}

// read reads the notes, once.
func (r *references) read(ctx context.Context) error {
	if r.ready {
		return nil
	}
	notebook, ok := store.Base(r.store).(store.Notebook)
	if !ok {
		r.ready = true
		return nil
	}
	notes, err := notebook.Notes(ctx, referencePrefix)
	if err != nil {
		return err
	}
	r.byRef, r.order = make(map[reference]message.ID), nil
	for _, n := range notes {
		if ref, id, ok := parseReference(n); ok {
			r.byRef[ref] = id
			r.order = append(r.order, ref)
		}
	}
	slices.SortFunc(r.order, func(a, b reference) int { return cmp.Compare(r.byRef[a], r.byRef[b]) })
	r.ready = true
	return nil
}

// set remembers the broadcast of a reference, in the place of one before it.
func (r *references) set(ctx context.Context, ref reference, id message.ID) {
	r.mu.Lock()
	defer r.mu.Unlock() // also while it is noted, so that the last one is in the notes
	err := r.read(ctx)
	if r.byRef == nil {
		r.byRef = make(map[reference]message.ID)
	}
	notes := []store.Note{{Key: ref.key(), Value: id.String()}}
	if _, known := r.byRef[ref]; !known {
		if len(r.order) >= maxReferences {
			notes = append(notes, store.Note{Key: r.order[0].key()})
			delete(r.byRef, r.order[0])
			r.order = slices.Delete(r.order, 0, 1)
		}
		r.order = append(r.order, ref)
	}
	r.byRef[ref] = id
	if notebook, ok := store.Base(r.store).(store.Notebook); ok && err == nil {
		err = notebook.Note(ctx, notes...)
	}
	if err != nil {
		r.log.Warn("the reference of a broadcast is not kept for a restart", "id", id, "error", err)
	}
}

// get returns the last broadcast that was given a reference.
func (r *references) get(ctx context.Context, ref reference) (message.ID, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.read(ctx); err != nil {
		return 0, false, fmt.Errorf("references of broadcasts: %w", err)
	}
	id, ok := r.byRef[ref]
	return id, ok, nil
}
