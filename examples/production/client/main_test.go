package main

import (
	"testing"

	"github.com/godwit-sms/smpp/sms"
)

// The outcome of a message is that of the part that leaves the most to do,
// whatever the order of the parts.
func TestWorstOf(t *testing.T) {
	order := []sms.PartOutcome{sms.PartAccepted, sms.PartNeverSent, sms.PartRefused, sms.PartUnknown}
	for i, a := range order {
		for j, b := range order {
			r := &sms.Result{Parts: make([]sms.PartResult, 2)}
			r.Parts[0].Outcome, r.Parts[1].Outcome = a, b
			if got, want := worstOf(r), order[max(i, j)]; got != want {
				t.Errorf("%v and %v: %v, not %v", a, b, got, want)
			}
		}
	}
}
