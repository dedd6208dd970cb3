package dispatch

import "github.com/godwit-sms/smpp/center/message"

// kept are messages that have just come and whose turn comes soon, so that the
// store need not be asked for them: the last ones, within bounds.
type kept struct {
	byID  map[message.ID]*message.Message
	order []message.ID // in which they came; some are gone
	first int          // of order
	size  int          // octets, more or less
}

// The bounds of what is kept.
const (
	keptSize     = 16 << 20
	keptMessages = 32 << 10
)

func sizeOf(m *message.Message) int {
	n := 600 + len(m.Text)
	for i := range m.TLVs {
		n += 40 + len(m.TLVs[i].Value)
	}
	return n
}

func (k *kept) add(m *message.Message) {
	size := sizeOf(m)
	if size > keptSize/100 {
		return
	}
	if k.byID == nil {
		k.byID = make(map[message.ID]*message.Message)
	}
	k.byID[m.ID] = m
	k.size += size
	k.order = append(k.order, m.ID)
	for k.first < len(k.order) {
		oldest := k.byID[k.order[k.first]]
		if oldest != nil {
			if k.size <= keptSize && len(k.order)-k.first <= keptMessages {
				break
			}
			delete(k.byID, oldest.ID)
			k.size -= sizeOf(oldest)
		}
		k.first++
	}
	if k.first > keptMessages {
		k.order = append(k.order[:0], k.order[k.first:]...)
		k.first = 0
	}
}

// take returns a message, or nil, and does not keep it any longer.
func (k *kept) take(id message.ID) *message.Message {
	m := k.byID[id]
	if m != nil {
		delete(k.byID, id)
		k.size -= sizeOf(m)
	}
	return m
}
