package front

import (
	"sync"

	"github.com/godwit-sms/smpp/center/message"
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

// references are the last broadcasts by their reference. After a restart those of
// broadcasts that are not over are found in the store.
type references struct {
	mu    sync.Mutex
	byRef map[reference]message.ID
	order []reference
}

func (r *references) set(ref reference, id message.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byRef == nil {
		r.byRef = make(map[reference]message.ID)
	}
	if _, known := r.byRef[ref]; !known {
		if len(r.order) == maxReferences {
			delete(r.byRef, r.order[0])
			r.order = append(r.order[:0], r.order[1:]...)
		}
		r.order = append(r.order, ref)
	}
	r.byRef[ref] = id
}

func (r *references) get(ref reference) (message.ID, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id, ok := r.byRef[ref]
	return id, ok
}
