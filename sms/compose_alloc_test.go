package sms_test

import (
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// What composing allocates grows with the parts, not with the characters.
func TestComposeAllocations(t *testing.T) {
	for _, tt := range []struct {
		name  string
		text  string
		parts int
		most  float64
	}{
		{"one part", strings.Repeat("a", 160), 1, 12},
		{"seven parts", strings.Repeat("a", 1000), 7, 16},
		{"fifteen parts of UTF-16", strings.Repeat("ж", 1000), 15, 20},
	} {
		template := &pdu.SubmitSM{Dest: pdu.International("491701234567")}
		got := testing.AllocsPerRun(100, func() {
			parts, err := sms.Profile{}.Compose(template, tt.text, nil)
			if err != nil || len(parts) != tt.parts {
				t.Fatalf("%s: %d parts, %v", tt.name, len(parts), err)
			}
		})
		if got > tt.most {
			t.Errorf("%s: %v allocations; at most %v", tt.name, got, tt.most)
		}
	}
}
