package handset

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/pdu"
)

// Defaults of Traffic.
const (
	DefaultFrom = "49170"
	DefaultTo   = "8080"
)

// MaxRate is the highest rate of Traffic.
const MaxRate = 100_000

// Traffic is what mobiles send to the ESMEs that are bound to receive, to each
// in turn. The zero value is nothing.
type Traffic struct {
	Rate float64 // messages a second
	From string  // how the numbers of the mobiles begin; empty: DefaultFrom
	To   string  // the address that they write to; empty: DefaultTo
}

func (t Traffic) check() error {
	digits := func(s string) bool {
		for _, c := range s {
			if c < '0' || c > '9' {
				return false
			}
		}
		return true
	}
	switch {
	case !(t.Rate >= 0 && t.Rate <= MaxRate):
		return fmt.Errorf("mo %v: 0 to %d messages a second are possible", t.Rate, MaxRate)
	case len(t.From) > 12 || !digits(t.From):
		return fmt.Errorf("mo_from %q: at most 12 digits are required", t.From)
	case len(t.To) > 20 || !digits(t.To):
		return fmt.Errorf("mo_to %q: at most 20 digits are required", t.To)
	}
	return nil
}

// A Network takes what mobiles send.
type Network interface {
	// Receiving returns the accounts that are bound to receive.
	Receiving() []string
	// Originate takes messages for one account whose IDs are to be set. The error
	// is that they are not taken.
	Originate(ctx context.Context, msgs []*message.Message) error
}

// Originate sends the traffic of the profile, whichever it is, until ctx ends or
// the handset is closed. What nobody is bound for, or a network does not take, is
// not sent later.
func (h *Handset) Originate(ctx context.Context, n Network) {
	for {
		select {
		case <-h.changed: // what holds now is what counts
		default:
		}
		if !h.originate(ctx, n, h.behaves.Load()) {
			return
		}
	}
}

// originate sends the traffic of b until another may hold, or, with false, there
// is to be no more.
func (h *Handset) originate(ctx context.Context, n Network, b *behaviour) (again bool) {
	t := b.Traffic
	if t.Rate <= 0 {
		select {
		case <-ctx.Done():
			return false
		case <-h.stop:
			return false
		case <-h.changed:
			return true
		}
	}
	if t.From == "" {
		t.From = DefaultFrom
	}
	if t.To == "" {
		t.To = DefaultTo
	}
	rnd := rand.New(rand.NewPCG(b.seed, 1))
	tick := time.NewTicker(max(time.Duration(float64(time.Second)/t.Rate), 20*time.Millisecond))
	defer tick.Stop()
	began := time.Now()
	var due, turn, number int64
	for {
		var now time.Time
		select {
		case <-ctx.Done():
			return false
		case <-h.stop:
			return false
		case <-h.changed:
			return true
		case now = <-tick.C:
		}
		total := int64(now.Sub(began).Seconds() * t.Rate)
		count := min(total-due, int64(t.Rate)+1)
		due = total
		accounts := n.Receiving()
		if len(accounts) == 0 {
			continue
		}
		batches := make([][]*message.Message, len(accounts))
		for range count {
			turn++
			number++
			i := turn % int64(len(accounts))
			batches[i] = append(batches[i], &message.Message{
				Kind: message.Originated, State: pdu.StateEnroute, Submitted: now, Expires: now.Add(time.Hour),
				Source: pdu.International(fmt.Sprintf("%s%08d", t.From, rnd.IntN(100_000_000))), Dest: pdu.Address{Addr: t.To},
				Text: fmt.Appendf(nil, "MO %d", number),
			})
		}
		for i, msgs := range batches {
			if len(msgs) == 0 {
				continue
			}
			for _, m := range msgs {
				m.Account = accounts[i]
			}
			_ = n.Originate(ctx, msgs) // gaps in the numbers show what was not taken
		}
	}
}
