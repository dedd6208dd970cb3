package route

import (
	"fmt"
	"slices"
	"strings"
)

// A Spread tells which of several sessions of an account gets a message or a
// receipt. A session that is full or gone is passed over in any case.
type Spread uint8

// The ways to spread.
const (
	// SameBind sends a receipt on the session that its message was submitted on,
	// and messages for one address on one session.
	SameBind Spread = iota
	// AnyBind sends on the session that has the least to do.
	AnyBind
	// RoundRobin sends on each session in turn.
	RoundRobin
)

var spreadNames = []string{"same", "any", "round-robin"}

// ParseSpread reads the name of a spread: same, any, round-robin. The empty one
// is SameBind.
func ParseSpread(name string) (Spread, error) {
	if name == "" {
		return SameBind, nil
	}
	if i := slices.Index(spreadNames, name); i >= 0 {
		return Spread(i), nil
	}
	return 0, fmt.Errorf("spread %q: %s are allowed", name, strings.Join(spreadNames, ", "))
}

func (s Spread) String() string {
	if int(s) < len(spreadNames) {
		return spreadNames[s]
	}
	return fmt.Sprintf("spread %d", uint8(s))
}

// A Delivery is how an account is delivered to. The zero value is SameBind, at
// least once.
type Delivery struct {
	Spread Spread
	// AtMostOnce has messages, but not receipts, never sent twice; see
	// dispatch.OnceTarget.
	AtMostOnce bool
}
