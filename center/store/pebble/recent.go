package pebble

import "github.com/godwit-sms/smpp/center/message"

// recent knows which ids of a shard were accepted lately, so that the database
// need not be asked about one that was not: ids follow the clock, but many who
// submit at the same time commit in another order than that of their ids.
type recent struct {
	high  message.ID // no message of the shard has a higher id
	floor message.ID // what was accepted up to here may not be known

	young, old         map[message.ID]struct{} // accepted, above the floor
	youngHigh, oldHigh message.ID              // the highest of them
}

// recentKept is how many of them are known at least.
const recentKept = 16 << 10

// fresh reports whether an id is certainly new.
func (r *recent) fresh(id message.ID) bool {
	if id > r.high {
		return true
	}
	if id <= r.floor {
		return false
	}
	if _, known := r.young[id]; known {
		return false
	}
	_, known := r.old[id]
	return !known
}

// add remembers an id that is accepted.
func (r *recent) add(id message.ID) {
	if len(r.young) >= recentKept {
		r.floor = max(r.floor, r.oldHigh)
		clear(r.old)
		r.young, r.old = r.old, r.young
		r.youngHigh, r.oldHigh = 0, r.youngHigh
	}
	if r.young == nil {
		r.young = make(map[message.ID]struct{})
	}
	r.young[id] = struct{}{}
	r.youngHigh = max(r.youngHigh, id)
	r.high = max(r.high, id)
}
