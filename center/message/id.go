package message

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"
)

// An ID identifies a message in all message centers of an installation: the
// shard that owns it in its first octet, then a counter that follows the clock.
// Its text, the message_id of SMPP, has 16 hexadecimal digits, the first of
// which is never 0, so that nobody can lose it. Zero is no message.
type ID uint64

// MaxShard is the highest number of a shard.
const MaxShard = 0x6F

const (
	shardShift = 56
	shardBase  = 0x10
	counter    = 1<<shardShift - 1
)

// epoch is where the counter of every ID starts, in microseconds.
var epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// String returns the 16 hexadecimal digits.
func (id ID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// Shard returns the number of the shard that owns the message.
func (id ID) Shard() int { return int(id>>shardShift) - shardBase }

// Clock returns the counter of the ID: microseconds since 2020, more or less.
// ClockOf makes times comparable with it.
func (id ID) Clock() uint64 { return uint64(id) & counter }

// ClockOf returns what the clock of an ID that is made at t is at least.
func ClockOf(t time.Time) uint64 { return uint64(max(t.Sub(epoch).Microseconds(), 0)) }

// FirstID returns an ID below all those of a shard.
func FirstID(shard int) ID { return ID(uint64(shard+shardBase) << shardShift) }

// ParseID reads the text of an ID in any Format, which its length tells, and in
// either case. ok is false for anything that Format.Text does not write.
func ParseID(s string) (id ID, ok bool) {
	switch len(s) {
	case 16:
		n, err := strconv.ParseUint(s, 16, 64)
		id, ok = ID(n), err == nil && s[0] != '+'
	case 19:
		id, ok = parseDecimal(s)
	case 36:
		id, ok = parseUUID(s)
	}
	if !ok || id.Shard() < 0 || id.Shard() > MaxShard {
		return 0, false
	}
	return id, true
}

// An IDSource makes the IDs of a shard, each higher than all before it: also
// than those of an earlier run, as its counter starts at the clock, which runs
// faster than messages come. Its methods may be called concurrently. The zero
// value is for shard 0.
type IDSource struct {
	Shard int // 0 to MaxShard
	last  atomic.Uint64
}

// Next returns the first of n consecutive IDs at the time now. n is 1 or more.
func (s *IDSource) Next(now time.Time, n int) ID {
	clock := ClockOf(now)
	for {
		last := s.last.Load()
		first := max(last+1, clock)
		if s.last.CompareAndSwap(last, first+uint64(n)-1) {
			return ID(uint64(s.Shard+shardBase)<<shardShift | first&counter)
		}
	}
}

// Skip makes all IDs to come higher than id, which an earlier run gave out.
func (s *IDSource) Skip(id ID) {
	n := uint64(id) & counter
	for {
		last := s.last.Load()
		if last >= n || s.last.CompareAndSwap(last, n) {
			return
		}
	}
}
