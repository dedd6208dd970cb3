package sms

import (
	"bytes"
	"container/heap"
	"context"
	"math"
	"sync"
	"time"
)

// A CorrelatorStore keeps the records of a [Correlator], for programs that restart or run in several processes: in a
// database, or whatever can change a value in one step. It must be safe for use by several goroutines at once, and each
// Correlator needs keys of its own in it.
type CorrelatorStore interface {
	// Update puts what fn returns in the place of the record under key, in one atomic step: no other Update of the key takes
	// place in between. fn gets the record, nil if there is none, and must not change or keep it; a record that has
	// expired but is still there counts. It returns the record to come, nil for none, and the time when that expires, which is
	// the one of the old record if zero. What is unchanged need not be written. fn does nothing else: it may be called again,
	// as by a store that tries until nobody else was faster, and the last call counts.
	//
	// gone are other records that were removed, having expired before now or for want of room; a store may leave them
	// to Expire.
	Update(ctx context.Context, now time.Time, key string, fn func(record []byte) (next []byte, expires time.Time)) (gone []CorrelatorRecord, err error)

	// Expire removes the records that have expired at the time now and returns them, each one to one caller only. It may
	// return some of them, with an error or without; the others are for the next call.
	Expire(ctx context.Context, now time.Time) (gone []CorrelatorRecord, err error)
}

// A CorrelatorRecord is what a [CorrelatorStore] keeps under a key. Keys are text as long as message ids and the keys of
// messages are; values are octets, some tens as a rule.
type CorrelatorRecord struct {
	Key   string
	Value []byte
}

// recordOverhead is about what a record takes in memory beside its key and value.
const recordOverhead = 144

// A memoryStore is a CorrelatorStore in memory.
type memoryStore struct {
	most int // octets; 0 means 256 MiB

	mu      sync.Mutex
	records map[string]*memoryRecord
	queue   expiryQueue
	octets  int
}

type memoryRecord struct {
	CorrelatorRecord
	expires int64 // as of nanoseconds
	index   int   // in the queue
}

// nanoseconds returns the nanoseconds since 1970. What int64 cannot hold, as with an Expiry that is to be never, is the end of time.
func nanoseconds(t time.Time) int64 {
	if latest := time.Unix(0, math.MaxInt64); t.After(latest) {
		return math.MaxInt64
	}
	return t.UnixNano()
}

func (r *memoryRecord) octets() int { return len(r.Key) + len(r.Value) + recordOverhead }

func (s *memoryStore) Update(_ context.Context, now time.Time, key string, fn func([]byte) ([]byte, time.Time)) (gone []CorrelatorRecord, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[key]
	var old []byte
	if r != nil {
		old = r.Value
	}
	next, expires := fn(old)
	switch {
	case r == nil && next == nil:
	case next == nil:
		s.remove(r)
	case r == nil:
		if s.records == nil {
			s.records = make(map[string]*memoryRecord)
		}
		r = &memoryRecord{CorrelatorRecord: CorrelatorRecord{key, next}, expires: nanoseconds(expires)}
		s.records[key] = r
		heap.Push(&s.queue, r)
		s.octets += r.octets()
	default:
		if !bytes.Equal(old, next) {
			s.octets += len(next) - len(old)
			r.Value = next
		}
		if n := nanoseconds(expires); !expires.IsZero() && n != r.expires {
			r.expires = n
			heap.Fix(&s.queue, r.index)
		}
	}
	gone = s.expire(now)
	most := s.most
	if most <= 0 {
		most = 256 << 20
	}
	for s.octets > most {
		gone = append(gone, s.remove(s.queue[0]))
	}
	return gone, nil
}

func (s *memoryStore) Expire(_ context.Context, now time.Time) ([]CorrelatorRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.expire(now), nil
}

func (s *memoryStore) expire(now time.Time) (gone []CorrelatorRecord) {
	for len(s.queue) > 0 && s.queue[0].expires <= nanoseconds(now) {
		gone = append(gone, s.remove(s.queue[0]))
	}
	return gone
}

func (s *memoryStore) remove(r *memoryRecord) CorrelatorRecord {
	heap.Remove(&s.queue, r.index)
	delete(s.records, r.Key)
	s.octets -= r.octets()
	return r.CorrelatorRecord
}

// An expiryQueue is a heap with the record in front that expires first.
type expiryQueue []*memoryRecord

func (q expiryQueue) Len() int           { return len(q) }
func (q expiryQueue) Less(i, j int) bool { return q[i].expires < q[j].expires }
func (q expiryQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *expiryQueue) Push(x any) {
	r := x.(*memoryRecord)
	r.index = len(*q)
	*q = append(*q, r)
}

func (q *expiryQueue) Pop() any {
	last := len(*q) - 1
	r := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return r
}
