package handset_test

import (
	"strings"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/center/handset"
)

// What mobiles do is tested through the center, where it shows.

func TestParseProfile(t *testing.T) {
	for _, tt := range []struct {
		text string
		want handset.Profile
		err  string
	}{
		{text: "deliver", want: handset.Profile{Name: "deliver"}},
		{text: "slow:delay=1m", want: handset.Profile{Name: "slow", Delay: time.Minute}},
		{text: "deliver:delay=0s", want: handset.Profile{Name: "deliver", Delay: -1}},
		{text: "random:seed=42,delay=10ms", want: handset.Profile{Name: "random", Seed: 42, Delay: 10 * time.Millisecond}},
		{text: "", err: "deliver"},
		{text: "chaos", err: `"chaos"`},
		{text: "random:seed=-1", err: `"-1"`},
		{text: "random:delay=-1s", err: `"-1s"`},
		{text: "random:speed=1", err: `"speed=1"`},
		{text: "random:", err: "delay=DURATION"},
	} {
		got, err := handset.ParseProfile(tt.text)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("ParseProfile(%q): %v; want an error with %q", tt.text, err, tt.err)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("ParseProfile(%q) = %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
	}
	for _, name := range handset.Names() {
		if _, err := handset.ParseProfile(name); err != nil || handset.About(name) == "" {
			t.Errorf("profile %q: %v, about %q", name, err, handset.About(name))
		}
	}
	if _, err := handset.New(handset.Profile{Name: "chaos"}); err == nil {
		t.Error("New takes an unknown profile")
	}
}

func FuzzParseProfile(f *testing.F) {
	f.Add("random:seed=42,delay=10ms")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := handset.ParseProfile(s)
		if err != nil {
			return
		}
		h, err := handset.New(p)
		if err != nil {
			t.Fatalf("New(%+v), which %q reads as: %v", p, s, err)
		}
		h.Close()
	})
}
