package message

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Format is a way to write an ID as a message_id.
type Format uint8

// The formats. ParseID reads all of them.
const (
	Hex     Format = iota // 16 hexadecimal digits
	Decimal               // 19 decimal digits
	UUID                  // a UUID of version 7, RFC 9562, 36 characters
)

var formatNames = []string{"hex", "decimal", "uuid"}

// FormatNames returns the names that ParseFormat reads.
func FormatNames() []string { return slices.Clone(formatNames) }

// ParseFormat reads the name of a format: hex, decimal, uuid.
func ParseFormat(name string) (Format, error) {
	i := slices.Index(formatNames, name)
	if i < 0 {
		return 0, fmt.Errorf("message id format %q: %s are known", name, strings.Join(formatNames, ", "))
	}
	return Format(i), nil
}

func (f Format) String() string {
	if int(f) < len(formatNames) {
		return formatNames[f]
	}
	return fmt.Sprintf("format %d", uint8(f))
}

// Text returns id in the format.
func (f Format) Text(id ID) string {
	switch f {
	case Decimal:
		return strconv.FormatUint(uint64(id), 10)
	case UUID:
		return id.uuid()
	}
	return id.String()
}

// Time returns when the ID was made, as its counter has it: exactly, unless
// the clock was behind that of an earlier run.
func (id ID) Time() time.Time { return epoch.Add(time.Duration(id&counter) * time.Microsecond) }

// uuid puts the milliseconds of the ID where version 7 has them, the
// microseconds of the rest and the shard behind them, and fills up with a check
// on both, so that a UUID of somebody else is not taken for one.
func (id ID) uuid() string {
	at := id.Time()
	ms := uint64(at.UnixMilli())
	micros := uint64(at.Nanosecond()/1000) % 1000
	hi := ms<<16 | 7<<12 | micros
	lo := uint64(2)<<62 | uint64(id>>shardShift)<<54 | mix(uint64(id))>>10
	var b [16]byte
	for i := range 8 {
		b[i], b[8+i] = byte(hi>>(56-8*i)), byte(lo>>(56-8*i))
	}
	x := hex.EncodeToString(b[:])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

// mix spreads the bits of n over 64 others (the finish of SplitMix64).
func mix(n uint64) uint64 {
	n = (n ^ n>>30) * 0xBF58476D1CE4E5B9
	n = (n ^ n>>27) * 0x94D049BB133111EB
	return n ^ n>>31
}

func parseUUID(s string) (ID, bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return 0, false
	}
	hi, err1 := strconv.ParseUint(s[:8]+s[9:13]+s[14:18], 16, 64)
	lo, err2 := strconv.ParseUint(s[19:23]+s[24:], 16, 64)
	if err1 != nil || err2 != nil {
		return 0, false
	}
	us := int64(hi>>16)*1000 + int64(hi&0xFFF) - epoch.UnixMicro()
	if us < 0 || us > counter {
		return 0, false
	}
	id := ID(lo>>54&0xFF)<<shardShift | ID(us)
	return id, strings.EqualFold(id.uuid(), s)
}

func parseDecimal(s string) (ID, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return ID(n), err == nil && s[0] != '+'
}
